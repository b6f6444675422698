"""Made-up rows for any spec, so that it can be tried before there is data.

    python -m examples.made_up_rows --spec examples/dense.yaml --rows 5000 --output rows.parquet

Every input says something about every head that reads it: the rows have a hidden signal, the mean
of what the head's inputs are worth, and each target is a function of the signal. A model that
learns beats the best constant; one that does not, does not. This is for trying out and for tests:
real rows have other troubles.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kinds.heads import show as heads
from kinds.inputs import show as inputs
from pipeline.failures import Exit, Failure, main
from pipeline.sides.times import time_text, times_of
from pipeline.spec import ColumnSplit, HashSplit, LastSplit, Spec, TimeSplit
from pipeline.spec.file import read_spec

# Few enough values that a few thousand rows show each of them often.
VALUES, LABELS = 40, 8
MISSING = 0.05
# In microseconds.
DAY = 86_400_000_000


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.made_up_rows",
        description="Rows with a hidden signal for any spec, to try it out before there are any.",
        epilog="Example: python -m examples.made_up_rows --spec my.yaml --output rows.parquet",
    )
    parser.add_argument("--spec", type=Path, required=True, help="the spec: a YAML file")
    parser.add_argument("--rows", type=int, default=5000, help="how many (5000)")
    parser.add_argument("--output", type=Path, required=True, help="a .parquet file")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (1)")
    options = parser.parse_args(argv)
    if options.output.suffix != ".parquet":
        raise Failure(Exit.USAGE, "--output must be a .parquet file", received=options.output)
    if options.rows < 1:
        raise Failure(Exit.USAGE, "--rows must be 1 or more", received=options.rows)
    pq.write_table(rows_for(read_spec(options.spec), options.rows, options.seed), options.output)


def rows_for(spec: Spec, count: int, seed: int, *, missing: float = MISSING) -> pa.Table:
    """`count` rows with every column that the spec names; a share of the cells is `missing`."""
    random = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {}
    worth: dict[str, np.ndarray] = {}
    for name, part in spec.inputs.items():
        show, texts = inputs.KINDS[part.kind], texts_of(spec, name)
        cells, worth[name] = show.made_up(part, texts, count, missing, random)
        of_each = cells if isinstance(cells, tuple) else (cells,)
        columns |= zip(spec.input_columns(name), of_each, strict=True)
    for name, pairs in spec.pairs().items():
        worth[name] = signal_of([worth[own.partition(".")[0]] for own in pairs.of])
    for name, head in spec.heads.items():
        if head.follows():  # the list has its targets
            continue
        signal = signal_of([worth[source] for source in head.inputs or spec.inputs])
        texts = texts_of(spec, name)
        target = heads.KINDS[head.kind].made_up(head, texts, signal, random)
        columns[spec.head_column(name)] = with_gaps(target, missing, random)
    return pa.table({**_other_columns(spec, count, random), **columns})


def signal_of(worths: Sequence[np.ndarray]) -> np.ndarray:
    """float [rows], of variance near 1."""
    signal: np.ndarray = np.sum(worths, axis=0) / np.sqrt(len(worths))
    return signal


def texts_of(spec: Spec, name: str) -> Sequence[str]:
    """The values of the vocabulary of an input or a head, or made-up ones; none without one, and
    none of pairs, which come from other inputs.

    An input may have more than its vocabulary holds: the others are unknown.
    """
    vocabulary = spec.vocabulary_of().get(name)
    if vocabulary is None or name in spec.pairs():
        return []
    said = spec.vocabularies[vocabulary]
    count = VALUES if name in spec.inputs else min(LABELS, said.size)
    return said.values or value_texts(vocabulary, count)


def value_texts(vocabulary: str, count: int) -> list[str]:
    """
    >>> value_texts("word", 2)
    ['word0', 'word1']
    """
    return [f"{vocabulary}{i}" for i in range(count)]


def with_gaps(column: pa.Array, missing: float, random: np.random.Generator) -> pa.Array:
    gaps = pa.array(random.random(len(column)) < missing)
    return pc.if_else(gaps, pa.scalar(None, column.type), column)


def _other_columns(spec: Spec, count: int, random: np.random.Generator) -> dict[str, pa.Array]:
    """The columns that only keys, split and weight name."""
    names = list(spec.keys) + (
        list(spec.split.columns) if isinstance(spec.split, HashSplit) else []
    )
    columns = {name: pa.array(_row_names(name, count)) for name in names}
    if isinstance(spec.split, LastSplit):
        groups = random.integers(0, max(1, count // 10), count)
        columns |= {name: pa.array([f"{name} {i}" for i in groups]) for name in spec.split.columns}
    if isinstance(spec.split, TimeSplit | LastSplit):
        column = spec.split.column if isinstance(spec.split, TimeSplit) else spec.split.order
        if column is not None:  # else the elements of a list are split
            columns[column] = pa.array(_times(spec.split, count, random))
    if isinstance(spec.split, ColumnSplit):
        sides = [*spec.split.eval, *spec.split.test]
        sides += [f"other {i}" for i in range(8 * len(sides))]
        columns[spec.split.column] = pa.array(
            np.array(sides)[random.integers(0, len(sides), count)]
        )
    if spec.weight is not None:
        columns[spec.weight] = pa.array(random.uniform(0.5, 2.0, count))
    return columns


def _times(split: TimeSplit | LastSplit, count: int, random: np.random.Generator) -> list[str]:
    """Days, or whatever a split says: a tenth of them on each held-out side."""
    said = [one for one in (split.eval, split.test) if isinstance(one, str)]
    found = times_of(pa.array(said or ["2024-11-01", "2024-12-01"]))
    first, last = int(found.at[0]), int(found.at[-1])
    step = max(last - first, DAY)
    places = random.integers(first - 8 * step, last + step, count)
    return [time_text(int(at), int(found.kind[0])) for at in places]


def _row_names(column: str, count: int) -> Iterable[str]:
    return [f"{column} {i}" for i in range(count)]


if __name__ == "__main__":
    main(run)
