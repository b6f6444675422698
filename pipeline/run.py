"""All stages, one after the other: raw rows in, one ONNX file and scored rows out.

Each stage is a process of its own, because tf.Transform switches its process to Keras 2 and the
trainer needs Keras 3. They meet only in the folders under `--output`, so any of them can be run
alone, again, or on another machine; a stage whose folder already holds its result says so and ends.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pipeline.failures import Exit, Failure, main
from pipeline.progress import duration
from pipeline.spec_file import read_spec

STAGES = ("prepare", "train", "export", "score")


@dataclass(frozen=True)
class Command:
    """One stage: the process to start and where its result will be."""

    stage: str
    arguments: tuple[str, ...]
    result: Path


def commands(options: argparse.Namespace, beam_options: Sequence[str]) -> list[Command]:
    """The processes of the chosen stages, in their order."""
    output = Path(options.output)
    data, run, model, scores = (
        output / name for name in ("data", "run", "model", "scores.parquet")
    )
    spec = ["--spec", options.spec]
    force = ["--force"] * options.force
    rows, scored = ["--input", *options.input], ["--input", *(options.score or options.input)]
    limit = ["--max-bad-fraction", options.max_bad_fraction]
    keep = ["--keep", *options.keep] if options.keep else []
    graph = ["--model", model / "model.onnx"]
    lines = {
        "prepare": [
            *("pipeline.prepare", *spec, *rows, "--output", data),
            *(*limit, *force, *beam_options),
        ],
        "train": ["trainer.task", "--data", data, "--output", run, *spec, *force],
        "export": ["serving.export", "--run", run, "--output", model, *force],
        "score": ["serving.score", *graph, *scored, "--output", scores, *keep, "--force"],
    }
    results = {"prepare": data, "train": run, "export": model, "score": scores}
    return [
        Command(stage, tuple(map(str, line)), results[stage])
        for stage, line in lines.items()
        if stage in options.stages
    ]


def run_stage(command: Command) -> float:
    """Runs one stage to its end and returns its seconds. Its failure ends the whole run."""
    print(f"── {command.stage} ──", file=sys.stderr, flush=True)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *command.arguments], env=_clean_environment())
    with _passing_on_signals(process):
        exit_code = process.wait()
    if exit_code != 0:
        # The stage has said why; a death by signal is told as shells tell it.
        sys.exit(exit_code if exit_code > 0 else 128 - exit_code)
    return time.monotonic() - started


def run(arguments: Sequence[str]) -> None:
    """The command. Options that are not ours are Beam's and go to the prepare stage."""
    options, beam_options = _parser().parse_known_args(arguments)
    read_spec(options.spec)
    finished = [(command, run_stage(command)) for command in commands(options, beam_options)]
    print()
    for command, seconds in finished:
        print(f"{command.stage:<8} {duration(seconds):>8}  {command.result}")


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
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in STAGES]:
        raise Failure(Exit.USAGE, f"--stages takes {','.join(STAGES)}", received=",".join(unknown))
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.run",
        description="Raw rows to one ONNX file and scored rows.",
        epilog="Any other option is Apache Beam's, for example --direct_num_workers=2.",
        allow_abbrev=False,
    )
    parser.add_argument("--spec", type=Path, required=True, help="the spec, a YAML file")
    parser.add_argument("--input", nargs="+", required=True, metavar="GLOB", help="the raw rows")
    parser.add_argument("--output", type=Path, required=True, help="folder for all results")
    parser.add_argument(
        "--stages",
        type=_stages,
        default=STAGES,
        help="a comma-separated part of: prepare,train,export,score",
    )
    parser.add_argument(
        "--score", nargs="+", metavar="GLOB", help="the rows to score (the input, where not given)"
    )
    parser.add_argument(
        "--keep", nargs="+", metavar="COLUMN", help="more columns to carry into the scores"
    )
    parser.add_argument(
        "--max-bad-fraction", type=float, default=0.01, help="bad rows that are put up with (0.01)"
    )
    parser.add_argument("--force", action="store_true", help="replace results of other inputs")
    return parser


if __name__ == "__main__":
    main(run)
