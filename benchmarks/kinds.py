"""CPU per row that each kind of input adds, in prepare and in scoring.

    python -m benchmarks.kinds [--rows SMALL LARGE] [--turns N] [--only NAME ...] [--results FOLDER]

The rows are those of the prepare benchmark with columns for the other kinds. `without` reads
tokens, two categories and a number. Each case reads one thing more:

    list        a sequence of eight words, split before
    text        the same words as one text, split by prepare in Arrow and by the file in scoring
    text_pairs  each two words of it as well
    weighted    the list, with a weight for each word
    date        a time as month, weekday, hour and days
    cross       pairs of the two categories
    vector      sixteen numbers

Each run is a process of its own, the cases take turns, the cheapest turn counts. CPU per row is
what the rows between the two sizes cost. The last line is one JSON object, which also goes to
--results: for each case what a row costs, and how much of that is more than `without`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import prepare_rows
from benchmarks.prepare import line_through, used_by
from pipeline.failures import Exit, Failure, main
from pipeline.folders.output import Output
from pipeline.processor import processor

WORDS, WORD_VALUES, WIDTH = 8, 30_000, 16
YEARS_S = 3 * 365 * 86_400
LIST = "kind: sequence, vocabulary: word, length: 8, combine: mean"
TEXT = "kind: text, vocabulary: word, length: 8, combine: mean, lower: true, punctuation: drop"
CASES: dict[str, dict[str, str]] = {
    "without": {},
    "list": {"list": LIST},
    "text": {"title": TEXT},
    "text_pairs": {
        "title": TEXT,
        "pairs": f"column: title, ngram: 2, {TEXT.replace('word', 'pair')}",
    },
    "weighted": {"list": f"{LIST}, weights: weights"},
    "date": {"when": "kind: date, parts: [month, weekday, hour, days]"},
    "cross": {"both": "kind: cross, of: [first, second]"},
    "vector": {"vector": f"kind: vector, width: {WIDTH}"},
}
SPEC = """
name: kinds
vocabularies:
  token: {{size: 10_000}}
  label: {{size: 1_000}}
{vocabularies}inputs:
  tokens: {{kind: sequence, vocabulary: token, length: 10, combine: mean}}
  first: {{kind: category, vocabulary: token}}
  second: {{kind: category, vocabulary: token}}
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
    names = [name for name in CASES if name == "without" or name in options.only]
    costs: dict[tuple[str, str, int], float] = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-kinds-") as folder:
        work = Path(folder)
        files = write_files(work / "rows", max(options.rows))
        for name in names:
            make_model(name, files[:1], work)
        turns = product(range(options.turns), enumerate(options.rows), names, STEPS)
        for _, (at, rows), name, step in turns:
            some = files[: rows // prepare_rows.ROWS_PER_FILE]
            cpu_s = used_by(command(step, name, some, work), work).cpu_s
            print(f"{step} {name}, {rows:,} rows: {cpu_s:.1f} s", flush=True)
            costs[step, name, at] = min(cpu_s, costs.get((step, name, at), cpu_s))
    line = json.dumps(
        {"benchmark": "kinds", "processor": processor(), "rows": options.rows}
        | said(options.rows, costs)
    )
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "kinds.json").write_text(line + "\n", encoding="utf-8")
    print(line)


def said(
    rows: Sequence[int], costs: Mapping[tuple[str, str, int], float]
) -> dict[str, dict[str, float]]:
    """For each case the CPU of a row in each step, in microseconds, and what it is more than
    `without`.

    >>> costs = {("score", "without", 0): 1.0, ("score", "without", 1): 1.2}
    >>> said([100, 200], costs | {("score", "date", 0): 1.0, ("score", "date", 1): 1.5})
    {'without': {'score_us': 2000.0}, 'date': {'score_us': 5000.0, 'score_more_us': 3000.0}}
    """
    found: dict[str, dict[str, float]] = {}
    for step, name in dict.fromkeys((step, name) for step, name, _ in costs):
        case = found.setdefault(name, {})
        pair = [costs[step, name, at] for at in range(2)]
        case[f"{step}_us"] = round(line_through(rows, pair).us_per_row, 2)
        if name != "without":
            more = case[f"{step}_us"] - found["without"][f"{step}_us"]
            case[f"{step}_more_us"] = round(more, 2)
    return found


def write_files(folder: Path, rows: int) -> list[Path]:
    """The rows of the prepare benchmark with columns for all cases."""
    paths = prepare_rows.write_files(folder, rows)
    for seed, path in enumerate(paths):
        table = pq.read_table(path)
        for name, column in more_columns(seed).items():
            table = table.append_column(name, column)
        pq.write_table(table, path)
    return paths


def more_columns(seed: int) -> dict[str, pa.Array]:
    """A text and the list of its words, weights of these, times as text, and vectors."""
    random = np.random.default_rng(seed)
    count = prepare_rows.ROWS_PER_FILE
    words = prepare_rows.texts_of("Word", random.zipf(1.2, count * WORDS) % WORD_VALUES)
    times = np.datetime64("2021-01-01T00:00:00") + random.integers(0, YEARS_S, count)
    numbers = random.normal(size=count * WIDTH).astype(np.float32)
    return {
        "title": pc.binary_join(in_lists(words, WORDS), " "),
        "list": in_lists(pc.utf8_lower(words), WORDS),
        "weights": in_lists(pa.array(random.random(count * WORDS)), WORDS),
        "when": pa.array(np.datetime_as_string(times)),
        "vector": in_lists(pa.array(numbers), WIDTH),
    }


def in_lists(values: pa.Array, length: int) -> pa.ListArray:
    """Lists of `length` values each."""
    offsets = np.arange(0, len(values) + 1, length, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def make_model(name: str, files: Sequence[Path], work: Path) -> None:
    """A model of few rows, to score with."""
    (work / f"{name}.yaml").write_text(spec_of(name), encoding="utf-8")
    line = [sys.executable, "-m", "pipeline.run", "--spec", str(work / f"{name}.yaml")]
    line += ["--stages", "prepare,train,export", "--input", *map(str, files)]
    used_by([*line, "--output", str(work / name)], work)


def spec_of(case: str) -> str:
    inputs = "".join(f"  {name}: {{{how}}}\n" for name, how in CASES[case].items())
    used = [v for v in ("word", "pair") if f"vocabulary: {v}," in inputs]
    return SPEC.format(
        vocabularies="".join(f"  {name}: {{size: 10_000}}\n" for name in used), inputs=inputs
    )


def command(step: str, name: str, files: Sequence[Path], work: Path) -> list[str]:
    """What a step of a case runs."""
    line = [sys.executable, "-m", "pipeline.prepare", "--spec", str(work / f"{name}.yaml")]
    output = str(work / f"out-{name}")
    if step == "score":
        line = [sys.executable, "-m", "serving.score", "--labels-only", "--workers", "1"]
        line += ["--model", str(Output(work / name).model.model)]
        output = str(work / f"{name}.parquet")
    return [*line, "--force", "--output", output, "--input", *map(str, files)]


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kinds")
    sizes = ("SMALL", "LARGE")
    parser.add_argument("--rows", nargs=2, type=int, default=[100_000, 500_000], metavar=sizes)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=CASES, default=[*CASES], metavar="NAME")
    parser.add_argument("--results", type=Path, help="folder for the figures")
    options = parser.parse_args(argv)
    small, large = options.rows
    if not 0 < small < large or small % prepare_rows.ROWS_PER_FILE:
        rule = f"sizes must rise and be multiples of {prepare_rows.ROWS_PER_FILE}"
        raise Failure(Exit.USAGE, rule, received=options.rows)
    return options


if __name__ == "__main__":
    main(run)
