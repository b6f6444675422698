"""CPU per row of a text, in prepare and in scoring: beside no text, and beside one split before.

    python -m benchmarks.texts [--rows SMALL LARGE] [--turns N]

The rows are those of the prepare benchmark with a title of eight words. `without` does not read it,
`split_before` reads a list of its words as a sequence, `text` splits it, in prepare in Arrow and in
scoring in the file, and `pairs` looks up each two words as well. Each run is a process of its own,
contestants take turns, the cheapest turn counts; CPU per row is what the rows between the two sizes
cost. The last line is one JSON object.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import prepare_rows
from benchmarks.prepare import line_through, used_by
from pipeline.failures import Exit, Failure, main

WORDS, WORD_VALUES = 8, 30_000
TITLE = "kind: text, vocabulary: word, length: 8, combine: mean, lower: true, punctuation: drop"
INPUTS = {
    "without": "",
    "split_before": "  list: {kind: sequence, vocabulary: word, length: 8, combine: mean}\n",
    "text": f"  title: {{{TITLE}}}\n",
    "pairs": f"  title: {{{TITLE}}}\n"
    + f"  pairs: {{column: title, ngram: 2, {TITLE.replace('word', 'pair')}}}\n",
}
SPEC = """
name: texts
vocabularies:
  token: {{size: 10_000}}
  label: {{size: 1_000}}
{vocabularies}inputs:
  tokens: {{kind: sequence, vocabulary: token, length: 10, combine: mean}}
  price: {{kind: number, missing: reject}}
{inputs}trunk: {{layers: [32]}}
heads:
  label: {{kind: classification, vocabulary: label}}
split: {{by: hash, columns: [group], eval: 0.1, test: 0.1}}
training: {{epochs: 1, batch_size: 4096}}
"""
STEPS = ("prepare", "score")


def run(argv: Sequence[str]) -> None:
    options = _arguments(argv)
    with tempfile.TemporaryDirectory(prefix="benchmark-texts-") as folder:
        work = Path(folder)
        files = write_files(work / "rows", max(options.rows))
        for name in INPUTS:
            make_model(name, files[:1], work)
        costs: dict[tuple[str, str, int], float] = {}
        for _ in range(options.turns):
            for at, rows in enumerate(options.rows):
                for name in INPUTS:
                    some = files[: rows // prepare_rows.ROWS_PER_FILE]
                    for step in STEPS:
                        cpu_s = used_by(command(step, name, some, work), work).cpu_s
                        print(f"{step} {name}, {rows:,} rows: {cpu_s:.1f} s")
                        key = (step, name, at)
                        costs[key] = min(cpu_s, costs.get(key, cpu_s))
    said = {f"{step}_cpu_us_per_row": dict(per_row(step, options.rows, costs)) for step in STEPS}
    print(json.dumps({"benchmark": "texts", **said}))


def per_row(
    step: str, rows: Sequence[int], costs: dict[tuple[str, str, int], float]
) -> Iterator[tuple[str, float]]:
    for name in INPUTS:
        pair = [costs[step, name, at] for at in range(2)]
        yield name, round(line_through(rows, pair).us_per_row, 2)


def write_files(folder: Path, rows: int) -> list[Path]:
    """The rows of the prepare benchmark with a title, as a text and as the list of its words."""
    paths = prepare_rows.write_files(folder, rows)
    for seed, path in enumerate(paths):
        random = np.random.default_rng(seed)
        count = prepare_rows.ROWS_PER_FILE
        words = prepare_rows.texts_of("Word", random.zipf(1.2, count * WORDS) % WORD_VALUES)
        offsets = pa.array(np.arange(0, count * WORDS + 1, WORDS, dtype=np.int32))
        lists = pa.ListArray.from_arrays(offsets, pc.utf8_lower(words))
        titles = pc.binary_join(pa.ListArray.from_arrays(offsets, words), " ")
        table = pq.read_table(path).append_column("title", titles).append_column("list", lists)
        pq.write_table(table, path)
    return paths


def make_model(name: str, files: Sequence[Path], work: Path) -> None:
    """A model of few rows, to score with."""
    used = INPUTS[name]
    said = "".join(f"  {v}: {{size: 10_000}}\n" for v in ("word", "pair") if f" {v}," in used)
    text = SPEC.format(vocabularies=said, inputs=used)
    (work / f"{name}.yaml").write_text(text, encoding="utf-8")
    line = [sys.executable, "-m", "pipeline.run", "--spec", str(work / f"{name}.yaml")]
    line += ["--stages", "prepare,train,export", "--input", *map(str, files)]
    used_by([*line, "--output", str(work / name)], work)


def command(step: str, name: str, files: Sequence[Path], work: Path) -> list[str]:
    """What a step of a contestant runs."""
    line = [sys.executable, "-m", "pipeline.prepare", "--spec", str(work / f"{name}.yaml")]
    output = str(work / f"out-{name}")
    if step == "score":
        line = [sys.executable, "-m", "serving.score", "--labels-only", "--workers", "1"]
        line += ["--model", str(work / name / "model" / "model.onnx")]
        output = str(work / f"{name}.parquet")
    return [*line, "--force", "--output", output, "--input", *map(str, files)]


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.texts")
    sizes = ("SMALL", "LARGE")
    parser.add_argument("--rows", nargs=2, type=int, default=[100_000, 500_000], metavar=sizes)
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args(argv)
    small, large = options.rows
    if not 0 < small < large or small % prepare_rows.ROWS_PER_FILE:
        rule = f"sizes must rise and be multiples of {prepare_rows.ROWS_PER_FILE}"
        raise Failure(Exit.USAGE, rule, received=options.rows)
    return options


if __name__ == "__main__":
    main(run)
