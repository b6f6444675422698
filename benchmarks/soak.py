"""A soak: the whole chain again and again with kills at random, then scoring at full load.

    python -m benchmarks.soak --chains 50 --minutes 30 [--results FOLDER]

Each chain prepares, trains, exports and scores other rows into the same folder; about every second
one is killed at a random moment first. Then one process scores the same rows without a pause. Fails
where a chain does not end well after its kill, a row is missing, the folder grows from chain to
chain, or the memory of scoring grows.
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet

from examples.made_up_rows import rows_for
from pipeline.failures import Exit, Failure, main
from pipeline.folders.output import Output
from pipeline.processor import processor
from pipeline.spec.file import parse_spec
from serving.scorer import Scorer

ROWS = 1_500
KILLED_WITHIN_SECONDS = 60.0
GROWN_MB = 64
SPEC = """
name: soak
keys: [row]
vocabularies: {word: {size: 300}}
shared: {common: {units: 16, phases: {every: 2}}}
inputs:
  word: {kind: category, vocabulary: word, embedding: 8, through: common}
  age: {kind: number}
heads: {next: {kind: classification, vocabulary: word, top_k: 3}, bought: {kind: binary}}
split: {by: hash, columns: [row], eval: 0.1, test: 0.1}
training: {epochs: 3, batch_size: 64}
"""


def run(argv: Sequence[str]) -> None:
    options = _arguments(argv)
    with TemporaryDirectory(prefix="soak-") as folder:
        output = Path(folder)
        (output / "spec.yaml").write_text(SPEC, encoding="utf-8")
        found: dict[str, Any] = {"processor": processor(), "chains": chains(output, options.chains)}
        print(found["chains"], flush=True)
        found["scoring"] = score_for(output, 60 * options.minutes)
        print(found["scoring"])
    if options.results:
        text = json.dumps(found, indent=2) + "\n"
        (options.results / "soak.json").write_text(text, encoding="utf-8")


def chains(output: Path, count: int) -> dict[str, int]:
    """What so many took and left. Raises Failure where one does not end as it should."""
    draw, killed, sizes, started = random.Random(1), 0, list[int](), time.monotonic()
    for number in range(count):
        table = rows_for(parse_spec(SPEC), ROWS, seed=number)
        pyarrow.parquet.write_table(table, output / "rows.parquet")
        if draw.random() < 0.5:
            killed += _killed(output, draw.uniform(0, KILLED_WITHIN_SECONDS))
        code = _chain(output).wait()
        scored = pyarrow.parquet.read_metadata(Output(output).scores).num_rows if not code else 0
        if (code, scored) != (0, ROWS):
            raise Failure(
                Exit.FAULT, f"chain {number} must score {ROWS} rows", received=(code, scored)
            )
        sizes.append(sum(p.stat().st_size for p in output.rglob("*") if p.is_file()))
    seconds = time.monotonic() - started
    if max(sizes) > 1.5 * sizes[0]:
        raise Failure(Exit.FAULT, "the folder must not grow from chain to chain", received=sizes)
    return {
        "chains": count,
        "killed": killed,
        "seconds": round(seconds),
        "smallest_folder_bytes": min(sizes),
        "largest_folder_bytes": max(sizes),
    }


def _chain(output: Path) -> "subprocess.Popen[bytes]":
    line = f"-m pipeline.run --stages prepare,train,export,score --force --output {output}".split()
    line += ["--side", "all"]
    line += ["--spec", str(output / "spec.yaml"), "--input", str(output / "rows.parquet")]
    with (output / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, *line], stdout=log, stderr=log, start_new_session=True
        )


def _killed(output: Path, after: float) -> bool:
    """Whether a chain was still running when its whole process group was killed."""
    chain = _chain(output)
    with suppress(subprocess.TimeoutExpired):
        chain.wait(after)
        return False
    os.killpg(chain.pid, signal.SIGKILL)
    chain.wait()
    return True


def score_for(output: Path, seconds: float) -> dict[str, int]:
    """Scores the rows again and again, and gives how many. Raises Failure where memory grows after
    the first tenth."""
    scorer = Scorer(Output(output).model.model)
    table = pyarrow.parquet.read_table(output / "rows.parquet")
    started, rows, early = time.monotonic(), 0, 0
    while (passed := time.monotonic() - started) < seconds:
        rows += scorer.score(table).num_rows
        if passed < seconds / 10:
            early = _peak_mb()
    late = _peak_mb()
    if late - early > GROWN_MB:
        raise Failure(Exit.FAULT, f"memory must not grow by {GROWN_MB} MB", received=late - early)
    return {
        "rows": rows,
        "seconds": round(passed),
        "peak_mb_after_a_tenth": early,
        "peak_mb_at_last": late,
    }


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--chains", type=int, default=50, help="how often the whole chain runs")
    parser.add_argument("--minutes", type=float, default=30.0, help="of scoring at full load")
    parser.add_argument("--results", type=Path, help="folder for the figures")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(run)
