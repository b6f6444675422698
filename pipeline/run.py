"""All stages, one after the other: raw rows in, one ONNX file and scored rows out.

Each stage is a process of its own, because tf.Transform switches its process to Keras 2 and the
trainer needs Keras 3. They meet only in the folders under `--output`, so any of them can be run
alone, again, or on another machine; a stage whose folder already holds its result says so and ends.

In Python: `pipeline.run("spec.yaml", ["rows/*.csv"], "OUT")`.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from pipeline.console.run_table import Finished, published, table
from pipeline.failures import Exit, Failure, main
from pipeline.folders.output import Output
from pipeline.manifest import lock
from pipeline.rows.csv_dialect import AS_FOUND, Csv, add_csv, csv_of
from pipeline.sides import SIDES
from pipeline.spec import HashSplit, RowSplit, Spec
from pipeline.spec.file import add_set, read_spec

STAGES = ("prepare", "train", "export", "score", "report")
ALL = "all"


@dataclass(frozen=True)
class Command:
    """One stage: the process to start and where its result will be."""

    stage: str
    arguments: tuple[str, ...]
    result: Path


class StageFailed(Exception):
    """A stage ended with an exit code other than 0, and has said why."""

    def __init__(self, stage: str, exit_code: int) -> None:
        super().__init__(f"{stage} ended with exit code {exit_code}")
        self.exit_code = exit_code


def commands(
    spec: str | Path,
    rows: Sequence[str],
    output: str | Path,
    *,
    stages: Sequence[str] = STAGES,
    score: Sequence[str] | None = None,
    keep: Sequence[str] = (),
    side: Sequence[str] | None = None,
    settings: Sequence[str] = (),
    max_bad_fraction: float = 0.01,
    force: bool = False,
    show_test: bool = False,
    csv: Csv = AS_FOUND,
    beam_options: Sequence[str] = (),
) -> list[Command]:
    """The processes of the chosen stages, in their order.

    `rows` are paths or patterns, and so are those to `score`. Where none are given, those of the
    `rows` are scored that nothing was trained on; `side` names other sides of the split, or `all`.
    The `settings`, such as `training.epochs=3`, change the spec.
    """
    out = Output(Path(output))
    data, run, model = out.data.path, out.run.path, out.model.path
    graph = ["--model", out.model.model]
    replace = ["--force"] * force
    limit = ["--max-bad-fraction", max_bad_fraction]
    kept = ["--keep", *keep] if keep else []
    sides = list(side or ([ALL] if score else SIDES[1:]))
    kept += [] if ALL in sides else ["--side", *sides]
    changed = [word for setting in settings for word in ("--set", setting)]
    lines: dict[str, list[Any]] = {
        "prepare": [
            *("pipeline.prepare", "--spec", spec, "--input", *rows, "--output", data),
            *(*changed, *limit, *csv.arguments(), *replace, *beam_options),
        ],
        "train": [
            *("trainer.task", "--data", data, "--output", run, "--spec", spec),
            *(*changed, *replace, *["--show-test"] * show_test),
        ],
        "export": ["serving.export", "--run", run, "--output", model, *replace],
        "score": [
            *("serving.score", *graph, "--input", *(score or rows)),
            *("--output", out.scores, *kept, *csv.arguments(), "--force"),
        ],
        "report": ["serving.report", "--run", run, *graph, "--output", out.report],
    }
    results = dict(zip(STAGES, (data, run, model, out.scores, out.report), strict=True))
    return [
        Command(stage, tuple(map(str, line)), results[stage])
        for stage, line in lines.items()
        if stage in stages
    ]


def run_stage(command: Command) -> float:
    """Runs one stage to its end and returns its seconds. Raises StageFailed."""
    print(f"── {command.stage} ──", file=sys.stderr, flush=True)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *command.arguments], env=_clean_environment())
    with _passing_on_signals(process):
        exit_code = process.wait()
    if exit_code != 0:
        # A death by signal is told as shells tell it.
        raise StageFailed(command.stage, exit_code if exit_code > 0 else 128 - exit_code)
    return time.monotonic() - started


def run_all(
    spec: str | Path,
    rows: Sequence[str],
    output: str | Path,
    *,
    stages: Sequence[str] = STAGES,
    score: Sequence[str] | None = None,
    keep: Sequence[str] = (),
    side: Sequence[str] | None = None,
    settings: Sequence[str] = (),
    max_bad_fraction: float = 0.01,
    force: bool = False,
    show_test: bool = False,
    csv: Csv = AS_FOUND,
    beam_options: Sequence[str] = (),
) -> list[Finished]:
    """Runs the chosen stages, each in a process of its own. The arguments are those of `commands`.

    Raises Failure for a wrong spec, StageFailed for a stage that does not end with exit code 0.
    """
    read_spec(spec, settings=settings)
    chosen = commands(
        spec,
        rows,
        output,
        stages=stages,
        score=score,
        keep=keep,
        side=side,
        settings=settings,
        max_bad_fraction=max_bad_fraction,
        force=force,
        show_test=show_test,
        csv=csv,
        beam_options=beam_options,
    )
    return list(run_each(chosen, output))


def run_each(chosen: Sequence[Command], output: str | Path) -> Iterator[Finished]:
    """Runs stages one after the other; each is yielded when it is done. Raises StageFailed."""
    # Taken before any stage has loaded its libraries: a second run is told at once.
    with lock(Path(output), inside=True):
        for command in chosen:
            before = published(command.result)
            seconds = run_stage(command)
            made = published(command.result) != before
            yield Finished(command.stage, command.result, seconds, made)


class _Call(ModuleType):
    """This module, called: `pipeline.run(...)` means run_all, whether or not somebody has imported
    `pipeline.run`, which gives the package's attribute of that name to the module."""

    __call__ = staticmethod(run_all)


sys.modules[__name__].__class__ = _Call


def run(arguments: Sequence[str]) -> None:
    """The command. Options that are not ours go to Beam, in the prepare stage."""
    options, beam_options = _parser().parse_known_args(arguments)
    if beam_options and "prepare" not in options.stages:
        rule = "options that are not ours are Beam's, for the prepare stage alone"
        raise Failure(Exit.USAGE, rule, received=" ".join(beam_options))
    if options.fold is not None:
        options.set.append(fold_setting(options.spec, options.set, options.fold))
    spec = read_spec(options.spec, settings=options.set)
    chosen = commands(
        options.spec,
        options.input,
        options.output,
        stages=options.stages,
        score=options.score,
        keep=options.keep,
        side=options.side,
        settings=options.set,
        max_bad_fraction=options.max_bad_fraction,
        force=options.force,
        show_test=options.show_test,
        csv=csv_of(options),
        beam_options=beam_options,
    )
    if options.print_config:
        print(config(spec, chosen))
        return
    finished: list[Finished] = []
    try:
        for stage in run_each(chosen, options.output):
            finished.append(stage)
    except StageFailed as failed:
        done = f"\n{table(finished)}\n" if finished else ""
        print(f"{done}{failed}", file=sys.stderr)
        sys.exit(failed.exit_code)
    print(f"\n{table(finished)}")


def fold_setting(spec: str | Path, settings: Sequence[str], fold: str) -> str:
    """One more setting, which makes the fold, such as 3/5, the test side. Raises Failure 2 for a
    split that has no folds."""
    split = read_spec(spec, settings=settings).split
    if not isinstance(split, HashSplit | RowSplit):
        rule = "folds need a split by hash or by row, in which any part may be the test side"
        raise Failure(Exit.USAGE, rule, received=f"by: {split.by}")
    return f"split.fold={fold}"


def config(spec: Spec, chosen: Sequence[Command]) -> str:
    """What a run would do, as JSON: the spec with every default, and each stage's command."""
    stages = {c.stage: shlex.join(["python", "-m", *c.arguments]) for c in chosen}
    return json.dumps({"spec": spec.model_dump(mode="json"), "stages": stages}, indent=2)


def _clean_environment() -> dict[str, str]:
    environment = dict(os.environ)
    environment.pop("TF_USE_LEGACY_KERAS", None)
    return environment


@contextmanager
def _passing_on_signals(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A signal to end is the stage's to obey: it saves what it has and ends with its own code."""

    def pass_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    before = {n: signal.signal(n, pass_on) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stages(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in STAGES]:
        raise Failure(Exit.USAGE, f"--stages takes {','.join(STAGES)}", received=",".join(unknown))
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.run",
        # All options once more would not leave room for them on a screen.
        usage="%(prog)s --spec SPEC --input GLOB --output OUTPUT [options]",
        description="Raw rows to one ONNX file and scored rows.",
        epilog="Example: python -m pipeline.run --spec spec.yaml --input 'rows/*.csv' --output OUT "
        "(other options go to Apache Beam, for example --direct_num_workers=2)",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--spec", required=True, help="the spec: a YAML file, here or at gs:// or s3://"
    )
    add_set(parser)
    parser.add_argument("--input", nargs="+", required=True, metavar="GLOB", help="the raw rows")
    add_csv(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder for all results")
    parser.add_argument(
        "--stages",
        type=_stages,
        default=STAGES,
        help=f"a comma-separated part of: {','.join(STAGES)}",
    )
    parser.add_argument(
        "--score",
        nargs="+",
        metavar="GLOB",
        help="the rows to score (default: those of the input that it was not trained on)",
    )
    parser.add_argument(
        "--side",
        nargs="+",
        choices=(*SIDES, ALL),
        help="score the rows of these sides of the split (eval test; all with --score)",
    )
    parser.add_argument(
        "--fold",
        metavar="3/5",
        help="test on the third fifth of the rows (pipeline.folds)",
    )
    parser.add_argument(
        "--keep",
        nargs="+",
        default=(),
        metavar="COLUMN",
        help="more columns to carry into the scores",
    )
    parser.add_argument(
        "--max-bad-fraction", type=float, default=0.01, help="share of bad rows to tolerate (0.01)"
    )
    parser.add_argument("--force", action="store_true", help="replace results of other inputs")
    parser.add_argument(
        "--show-test", action="store_true", help="show the metrics on test, too, not on eval alone"
    )
    parser.add_argument(
        "--print-config", action="store_true", help="print the whole spec and the stages, and end"
    )
    return parser


if __name__ == "__main__":
    main(run)
