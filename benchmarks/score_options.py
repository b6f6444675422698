"""The cost of what scoring gives beside the scores: each option against scoring without any.

    python -m benchmarks.score_options --model MODEL --input FILES [--rows N] [--turns N]

Every option takes its turn on the same rows, Parquet to Parquet, in one process; a turn of all is
repeated, and each has the median of its turns. `times` is how many times as long as without. The
last line is one JSON object.
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet

from benchmarks.score import first_rows
from pipeline.failures import main
from pipeline.processor import processor
from pipeline.rows import expand
from serving import score

OPTIONS: Mapping[str, Sequence[str]] = {
    "none": (),
    "--known": ("--known",),
    "--flag-unknown 3": ("--flag-unknown", "3"),
    "--explain 3": ("--explain", "3"),
    "--explain 3 elements": ("--explain", "3", "elements"),
    "--explain 3 shapley": ("--explain", "3", "shapley"),
}


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="score-options-") as folder:
        rows = first_rows(expand(options.input), options.rows)
        pyarrow.parquet.write_table(rows, Path(folder) / "rows.parquet")
        seconds: dict[str, list[float]] = {name: [] for name in OPTIONS}
        for _ in range(options.turns):
            for name, more in OPTIONS.items():
                seconds[name].append(_seconds(options.model, Path(folder), more))
    found = {name: statistics.median(of) for name, of in seconds.items()}
    for name, of in found.items():
        print(f"{name:<22} {rows.num_rows / of:>9,.0f} rows/s {of / found['none']:>6.2f} times")
    times = {name: round(of / found["none"], 2) for name, of in found.items()}
    print(
        json.dumps(
            {
                "benchmark": "score_options",
                "processor": processor(),
                "rows": rows.num_rows,
                "times": times,
            }
        )
    )


def _seconds(model: str, folder: Path, more: Sequence[str]) -> float:
    line = ["--model", model, "--input", str(folder / "rows.parquet"), "--force", *more]
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        score.run([*line, "--output", str(folder / "scored.parquet")])
    return time.perf_counter() - started


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.score_options",
        description="The cost of what scoring gives beside the scores.",
        epilog="Example: python -m benchmarks.score_options --model MODEL --input 'rows/*.parquet'",
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    parser.add_argument("--input", required=True, nargs="+", help="files of Parquet")
    parser.add_argument("--rows", type=int, default=20_000, help="how many of them")
    parser.add_argument("--turns", type=int, default=3, help="how often each is timed")
    return parser


if __name__ == "__main__":
    main(run)
