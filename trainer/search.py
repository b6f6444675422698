"""Searches for better settings: trains with some, learns from the outcome, tries others.

    python -m trainer.search --data OUT/data --output OUT/search --trials 8

A trial is a run of trainer.task, in a process and a folder of its own; what counts is its lowest
held-out loss between epochs. Optuna proposes the settings (TPE: Bergstra et al. 2011, Algorithms
for Hyper-Parameter Optimization). The study is kept in a file: the same command goes on with it.
"""

import argparse
import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.failures import Exit, Failure, main
from pipeline.folders.data import DataFolder
from pipeline.folders.prepared import SPEC
from pipeline.folders.run import RunFolder
from pipeline.manifest import combined_hash, lock
from pipeline.spec.file import add_set, read_spec
from trainer.reporting.tables import table

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

# A range without a word for it: what helps most often, and costs no more time a trial.
USUAL = ("training.learning_rate=log:3e-4..1e-2", "trunk.dropout=0.0..0.5")
STUDY = "study.journal"


def run(argv: Sequence[str]) -> None:
    options = _parser().parse_args(argv)
    if importlib.util.find_spec("optuna") is None:
        rule = "a search needs Optuna: pip install 'shared-weights[tune]'"
        raise Failure(Exit.ENVIRONMENT, rule)
    ranges = dict(range_of(text) for text in options.range or USUAL)
    check(options.data, options.spec, options.set, ranges)
    with lock(options.output):
        search(options, ranges)


def range_of(text: str) -> tuple[str, "BaseDistribution"]:
    """A place of the spec, and what it may be.

    >>> range_of("training.warmup_steps=0..200")
    ('training.warmup_steps', IntDistribution(high=200, log=False, low=0, step=1))
    >>> range_of("trunk.layers=[256]|[512, 256]")
    ('trunk.layers', CategoricalDistribution(choices=('[256]', '[512, 256]')))
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    place, _, values = text.partition("=")
    low, between, high = values.removeprefix("log:").partition("..")
    try:
        if not between:
            return place, CategoricalDistribution(tuple(filter(None, values.split("|"))))
        log = values.startswith("log:")
        if low.isdigit() and high.isdigit():
            return place, IntDistribution(int(low), int(high), log)
        return place, FloatDistribution(float(low), float(high), log)
    except ValueError as error:
        rule = "a range is PLACE=LOW..HIGH, PLACE=log:LOW..HIGH or PLACE=ONE|ANOTHER"
        raise Failure(Exit.USAGE, rule, received=f"{text} ({error})") from None


def check(
    data: Path, spec: Path | None, settings: Sequence[str], ranges: Mapping[str, "BaseDistribution"]
) -> None:
    """Raises Failure with exit code 2 where no trial could go well."""
    if not DataFolder(data).rows("eval"):
        rule = "a search needs rows in the eval split: they say which trial is the best"
        raise Failure(Exit.USAGE, rule, received=0)
    path = spec or DataFolder(data).spec_path
    if read_spec(path, settings=settings).training.auto:
        rule = (
            "a search needs a spec that leaves nothing to `training: auto`, such as the spec.json "
            "of a run, with --spec"
        )
        raise Failure(Exit.USAGE, rule, received=path)
    for end in ("low", "high"):
        tried = [f"{place}={_end(values, end)}" for place, values in ranges.items()]
        read_spec(path, settings=[*settings, *tried])


def _end(values: "BaseDistribution", end: str) -> Any:
    choices = getattr(values, "choices", None)
    return getattr(values, end) if choices is None else choices[0 if end == "low" else -1]


def search(options: argparse.Namespace, ranges: Mapping[str, "BaseDistribution"]) -> None:
    """Runs the trials that are left, and writes the best one's spec."""
    options.output.mkdir(parents=True, exist_ok=True)
    study = open_study(options.output / STUDY, options.seed)
    while (number := len(ended(study))) < options.trials:
        trial = study.ask(dict(ranges))
        print(f"── trial {number + 1} of {options.trials} ──", file=sys.stderr, flush=True)
        try_out(study, trial, options)
    print(results(study))
    best = study.best_trial
    spec = options.output / SPEC
    shutil.copyfile(RunFolder(Path(best.user_attrs["folder"])).spec_path, spec)
    print(f"\nbest spec: {spec}\nbest run:  {best.user_attrs['folder']}")


def open_study(path: Path, seed: int) -> "Study":
    """The study of a file, made where there is none. A trial that was cut off is asked for again:
    its run goes on where it was."""
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(path))),
        study_name="search",
        load_if_exists=True,
    )
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def ended(study: "Study") -> list["FrozenTrial"]:
    """The trials that came to their own end, good or bad."""
    return [trial for trial in study.trials if "exit_code" in trial.user_attrs]


def try_out(study: "Study", trial: "Trial", options: argparse.Namespace) -> None:
    """Trains with the settings of a trial. A run that fails by itself, as with a loss that is not
    finite, is a trial that failed."""
    from optuna.trial import TrialState

    settings = [*options.set, *(f"{place}={value}" for place, value in trial.params.items())]
    folder = options.output / "trials" / combined_hash(settings)[:12]
    line = ["--data", str(options.data), "--output", str(folder)]
    line += ["--spec", str(options.spec)] if options.spec else []
    line += [word for setting in settings for word in ("--set", setting)]
    wait_until_free(folder)
    done = subprocess.run([sys.executable, "-m", "trainer.task", *line], stdout=subprocess.DEVNULL)
    if done.returncode not in (Exit.DONE, Exit.FAULT):
        sys.exit(done.returncode if done.returncode > 0 else 128 - done.returncode)
    trial.set_user_attr("folder", str(folder))
    trial.set_user_attr("exit_code", done.returncode)
    if done.returncode == Exit.DONE:
        study.tell(trial, lowest_loss(folder))
    else:
        study.tell(trial, state=TrialState.FAIL)


def wait_until_free(folder: Path) -> None:
    """A search that was killed may have left the run of its last trial behind."""
    while True:
        try:
            with lock(folder):
                return
        except Failure:
            time.sleep(0.5)


def lowest_loss(folder: Path) -> float:
    """Of the epochs of a finished run."""
    history = RunFolder(folder).history()
    return float(min(line["eval_loss"] for line in history if "eval_loss" in line))


def results(study: "Study") -> str:
    """The trials, the best first. Raises Failure with exit code 1 where none went well."""
    trials = sorted(ended(study), key=lambda t: (t.value is None, t.value))
    if not trials or trials[0].value is None:
        raise Failure(Exit.FAULT, "some trial must end well; lower the learning rates", received=0)
    places = list(trials[0].params)
    rows = [
        [str(t.number), *(_shown(t.params.get(place)) for place in places), _shown(t.value)]
        for t in trials
    ]
    return table(["trial", *places, "lowest held-out loss"], rows)


def _shown(value: Any) -> str:
    if value is None:
        return "failed"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="the folder of the prepare stage")
    add("--output", type=Path, required=True, help="the folder of the study, its runs and the best")
    add("--trials", type=int, default=8, help="how many in all, earlier ones included (8)")
    add("--spec", type=Path, help="another spec over the same prepared examples")
    add_set(parser)
    add(
        "--range",
        action="append",
        metavar="PLACE=VALUES",
        help="what to try, as LOW..HIGH, log:LOW..HIGH or ONE|ANOTHER; by default "
        + " ".join(USUAL),
    )
    add("--seed", type=int, default=1, help="of the settings that are proposed (1)")
    return parser


if __name__ == "__main__":
    main(run)
