"""CPU per row from raw rows to TFRecords: ours, tf.Transform's own style, plain pyarrow, Polars.

    python -m benchmarks.prepare [--rows SMALL LARGE] [--turns N] [--peak] [--processes]

All contestants read the same Parquet files (benchmarks/prepare_rows.py), learn two vocabularies,
means and deviations from the training side, look everything up and write gzip TFRecords of
tf.Example. Each run is a process of its own, contestants take turns, the cheapest turn counts. CPU
per row is what the rows between the two sizes cost; start-up is what the smaller size cost beyond
its rows. tf.Transform with rows as dictionaries is slow: it gets the first rows only
(--example-rows). Polars writes no TFRecords; it hands its columns to the same encoder as pyarrow.

The last line is one JSON object; `vs_...` is our CPU per row divided by theirs. With --processes it
also has `two_processes`: how many times as fast two local processes are as one, by the clock, over
the rows between the two sizes.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.prepare_rows import ROWS_PER_FILE, SPEC, write_files
from pipeline.failures import Exit, Failure, main
from pipeline.processor import processor

CONTESTANTS = ("ours", "arrow", "tft_example", "polars")
MILLION = 1_000_000
TWO_PROCESSES = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


@dataclass(frozen=True)
class Cost:
    """What one process used, its children included."""

    cpu_s: float
    peak_mb: float
    wall_s: float


@dataclass(frozen=True)
class Line:
    """Cost by number of rows: us_per_row * rows + startup_s."""

    us_per_row: float
    startup_s: float


def run(argv: Sequence[str]) -> None:
    options = _arguments(argv)
    with tempfile.TemporaryDirectory(prefix="benchmark-prepare-") as folder:
        work = Path(folder)
        sizes = [*options.rows, *options.example_rows, *([10 * MILLION] * options.peak)]
        files = write_files(work / "rows", max(sizes))
        lines = _raced(options, files, work)
        peaks = [_peak(rows, files, work) if options.peak else None for rows in (1, 10)]
        faster = _two_processes(options.rows, files, work) if options.processes else None
    for name, line in lines.items():
        print(f"{name:<12} {line.us_per_row:8.2f} us a row, {line.startup_s:6.1f} s to start")
    said = {"processor": processor(), **_said(lines, peaks)}
    print(json.dumps(said if faster is None else said | {"two_processes": round(faster, 2)}))


def _raced(options: argparse.Namespace, files: list[Path], work: Path) -> dict[str, Line]:
    """The line of each contestant, from the cheapest turn at either size."""
    names = [name for name in options.contestants if name != "polars" or _has_polars()]
    costs: dict[tuple[str, int], list[float]] = {}
    for _ in range(options.turns):
        for at in range(2):
            for name in names:
                rows = (options.example_rows if name == "tft_example" else options.rows)[at]
                cost = measured(name, files, rows, work)
                print(f"{name}, {rows:,} rows: {cost.cpu_s:.1f} s, {cost.peak_mb:,.0f} MB")
                costs.setdefault((name, at), []).append(cost.cpu_s)
    pairs = {name: (min(costs[name, 0]), min(costs[name, 1])) for name in names}
    sizes = dict.fromkeys(names, options.rows) | {"tft_example": options.example_rows}
    return {name: line_through(sizes[name], pair) for name, pair in pairs.items()}


def line_through(rows: Sequence[int], cpu_s: Sequence[float]) -> Line:
    """
    >>> line_through([100, 300], [2.0, 2.5])
    Line(us_per_row=2500.0, startup_s=1.75)
    """
    per_row = (cpu_s[1] - cpu_s[0]) / (rows[1] - rows[0])
    return Line(per_row * 1e6, cpu_s[0] - per_row * rows[0])


def measured(
    name: str, files: list[Path], rows: int, work: Path, flags: Sequence[str] = ()
) -> Cost:
    """Runs one contestant over the first `rows` rows in a process of its own."""
    output = work / "out"
    inputs = [str(path) for path in files[: -(-rows // ROWS_PER_FILE)]]
    shutil.rmtree(output, ignore_errors=True)
    module = f"benchmarks.prepare_{name}"
    line = [sys.executable, "-m", module, str(output), *inputs]
    if name == "ours":
        (work / "spec.yaml").write_text(SPEC)
        ours = ["--spec", str(work / "spec.yaml"), "--output", str(output), "--input", *inputs]
        line = [sys.executable, "-m", "pipeline.prepare", *ours, *flags]
    return used_by(line, work)


def used_by(line: Sequence[str], work: Path) -> Cost:
    """What a process costs that runs a command to its end. Raises Failure where it fails."""
    started = time.monotonic()
    with (work / "log").open("w+b") as said:
        process = subprocess.Popen(line, stderr=said, stdout=said)
        # Unlike wait(), this tells what this one process used.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            rule = f"the command must run through: {' '.join(line)[:300]}"
            raise Failure(Exit.FAULT, rule, received=said.read()[-2000:])
    cpu_s = used.ru_utime + used.ru_stime
    return Cost(cpu_s, used.ru_maxrss / 1024, time.monotonic() - started)


def _two_processes(sizes: Sequence[int], files: list[Path], work: Path) -> float:
    walls = []
    for flags in ((), TWO_PROCESSES):
        pair = [measured("ours", files, rows, work, flags).wall_s for rows in sizes]
        print(f"ours {' '.join(flags)}: {pair[0]:.1f} s and {pair[1]:.1f} s by the clock")
        walls.append(line_through(sizes, pair).us_per_row)
    return walls[0] / walls[1]


def _peak(millions: int, files: list[Path], work: Path) -> float:
    return round(measured("ours", files, millions * MILLION, work).peak_mb)


def _has_polars() -> bool:
    return importlib.util.find_spec("polars") is not None


def _said(lines: dict[str, Line], peaks: Sequence[float | None]) -> dict[str, object]:
    ours = lines.get("ours")

    def against(name: str) -> float | None:
        if ours is None or name not in lines:
            return None
        return round(ours.us_per_row / lines[name].us_per_row, 3)

    return {
        "benchmark": "prepare",
        "cpu_us_per_row": None if ours is None else round(ours.us_per_row, 2),
        "vs_arrow": against("arrow"),
        "vs_tft_example": against("tft_example"),
        "vs_polars": against("polars"),
        "startup_s": None if ours is None else round(ours.startup_s, 2),
        "peak_mb_1m": peaks[0],
        "peak_mb_10m": peaks[1],
    }


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepare")
    sizes = ("SMALL", "LARGE")
    parser.add_argument("--rows", nargs=2, type=int, default=[500_000, 2_000_000], metavar=sizes)
    parser.add_argument(
        "--example-rows", nargs=2, type=int, default=[100_000, 300_000], metavar=sizes
    )
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--peak", action="store_true", help="memory at 1 and 10 million rows too")
    parser.add_argument(
        "--processes", action="store_true", help="also two processes, compared with one"
    )
    options = parser.parse_args(argv)
    for small, large in (options.rows, options.example_rows):
        if not 0 < small < large or small % ROWS_PER_FILE or large % ROWS_PER_FILE:
            rule = f"sizes must rise and be multiples of {ROWS_PER_FILE}"
            raise Failure(Exit.USAGE, rule, received=(small, large))
    return options


if __name__ == "__main__":
    main(run)
