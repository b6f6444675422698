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
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from pipeline.console.run_table import Finished, published, table
from pipeline.failures import Exit, Failure, main
from pipeline.folders.output import Output
from pipeline.manifest import lock
from pipeline.preparing.inferring.wishes import add_wishes, wishes_of
from pipeline.rows.csv_dialect import AS_FOUND, Csv, add_csv, csv_of
from pipeline.sides import SIDES
from pipeline.spec import HashSplit, LastSplit, RowSplit, Spec
from pipeline.spec.file import add_set, read_spec

STAGES = ("prepare", "train", "export", "score", "report")
ALL = "all"
QUICK_MINUTES = 0.5
# What is kept of the minutes for a stage that comes after training: to load its libraries, and so
# much for each second that prepare took, as both grow with rows, ids and labels.
SECONDS_OF_STAGE = {"export": 7.0, "score": 1.5, "report": 1.5}
SHARE_OF_PREPARE = {"export": 0.1, "score": 0.2, "report": 0.1}


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


def sides_to_score(spec: Spec) -> list[str] | None:
    """All, where elements of lists are held out: each row is on every side. Otherwise none is
    said."""
    return [ALL] if isinstance(spec.split, LastSplit) and spec.split.of_elements else None


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
    own = read_spec(spec, settings=settings)
    chosen = commands(
        spec,
        rows,
        output,
        stages=stages,
        score=score,
        keep=keep,
        side=side or sides_to_score(own),
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
    started, prepared = time.monotonic(), 0.0
    after = [command.stage for command in chosen]
    with lock(Path(output), inside=True):
        for command in chosen:
            before = published(command.result)
            after.remove(command.stage)
            if command.stage == "train":
                spent = time.monotonic() - started + kept_for(after, prepared)
                command = replace(
                    command, arguments=(*command.arguments, "--spent", f"{spent:.0f}")
                )
            seconds = run_stage(command)
            prepared += seconds * (command.stage == "prepare")
            made = published(command.result) != before
            yield Finished(command.stage, command.result, seconds, made)


def kept_for(stages: Sequence[str], prepared: float) -> float:
    """The seconds that stages after training are likely to take, where prepare took `prepared`.

    >>> kept_for(["export", "score"], 10.0)
    11.5
    """
    return sum(SECONDS_OF_STAGE[one] + SHARE_OF_PREPARE[one] * prepared for one in stages)


class _Call(ModuleType):
    """This module, called: `pipeline.run(...)` means run_all, whether or not somebody has imported
    `pipeline.run`, which gives the package's attribute of that name to the module."""

    __call__ = staticmethod(run_all)


sys.modules[__name__].__class__ = _Call


def run(arguments: Sequence[str]) -> None:
    """The command. Options that are not ours go to Beam, in the prepare stage."""
    parser = _parser()
    options, beam_options = parser.parse_known_args(arguments)
    if options.spec is not None and wishes_of(options).any:
        parser.error("what is said about the rows goes without --spec: a spec says it itself")
    if beam_options and "prepare" not in options.stages:
        rule = "options that are not ours are Beam's, for the prepare stage alone"
        raise Failure(Exit.USAGE, rule, received=" ".join(beam_options))
    if options.spec is None:
        options.spec = first_spec(options)
    if options.fold is not None:
        options.set.append(fold_setting(options.spec, options.set, options.fold))
    settings = [*options.set, *minutes_of(options)]
    spec = read_spec(options.spec, settings=settings)
    chosen = commands(
        options.spec,
        options.input,
        options.output,
        stages=options.stages,
        score=options.score,
        keep=options.keep,
        side=options.side or sides_to_score(spec),
        settings=settings,
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
    if "train" in options.stages:
        print("\n".join(verdict(options.output)))


def minutes_of(options: argparse.Namespace) -> list[str]:
    """The time that there is, as a setting of the spec."""
    minutes = QUICK_MINUTES if options.quick else options.minutes
    return [] if minutes is None else [f"training.minutes={minutes}"]


def verdict(output: Path) -> list[str]:
    """What a run that is there says of its heads beside what is simpler, after an empty line."""
    folder = Output(output).run
    said = folder.manifest.facts.get("verdict", []) if published(folder.path) else []
    return ["", *said] if said else []


def first_spec(options: argparse.Namespace) -> Path:
    """The path of the spec that is in the output folder, or is written there from the rows.

    Raises Failure 3 where a spec is there that predicts something else.
    """
    # Looks at all rows, which a run with a spec has no use for.
    from pipeline import rows
    from pipeline.preparing import infer

    path, said = Output(options.output).spec, wishes_of(options)
    if path.exists() and not options.force:
        own = read_spec(path)
        there = [own.head_column(name) for name in own.heads]
        if said.targets and {*there} != {*said.targets}:
            rule = f"{path} must predict what --target says; --force writes it anew"
            raise Failure(Exit.OCCUPIED, rule, received=f"it predicts {', '.join(there)}")
        print(f"spec: {path} is there and stays; --force writes it anew", file=sys.stderr)
        return path
    print("── look at the rows ──", file=sys.stderr, flush=True)
    text = infer.spec_for(rows.expand(options.input), csv_of(options), said)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"spec: wrote {path}, with a reason for each decision", file=sys.stderr, flush=True)
    return path


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
    return json.dumps({"spec": json.loads(spec.to_json()), "stages": stages}, indent=2)


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
        usage="%(prog)s [--spec FILE | --target COLUMN] --input FILES --output OUT [options]",
        # All options once more would not leave room for them on a screen.
        description="Raw rows to one ONNX file and scored rows.",
        epilog="Example: python -m pipeline.run --input rows.csv --target COLUMN --output OUT "
        "(options that are not ours go to Apache Beam)",
        allow_abbrev=False,
    )
    said = "a YAML file (without one it is made from the rows)"
    parser.add_argument("--spec", metavar="FILE", help=said)
    add_wishes(parser)
    add_set(parser)
    parser.add_argument("--input", nargs="+", required=True, metavar="F", help="files of raw rows")
    add_csv(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder for all results")
    parser.add_argument(
        "--stages",
        type=_stages,
        default=STAGES,
        help=f"of {','.join(STAGES)} (all)",
    )
    parser.add_argument(
        "--score",
        nargs="+",
        metavar="F",
        help="the rows to score (those that it was not trained on)",
    )
    parser.add_argument(
        "--side",
        nargs="+",
        choices=(*SIDES, ALL),
        metavar="S",
        help=f"score the rows of {', '.join(SIDES)} or {ALL} (eval test)",
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
        metavar="C",
        help="more columns to carry into the scores",
    )
    parser.add_argument(
        "--max-bad-fraction",
        type=float,
        default=0.01,
        metavar="S",
        help="share of bad rows to tolerate (0.01)",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, help="how long all of it may take, with `training: auto` (5)"
    )
    length.add_argument(
        "--quick", action="store_true", help="a first answer in about half a minute"
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
