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

from kinds.heads.binary.spec import Binary
from kinds.heads.classification.spec import Classification
from kinds.heads.count.spec import Counts
from kinds.heads.multilabel.spec import Multilabel
from kinds.heads.regression.spec import Regression
from kinds.inputs.category.spec import Category
from kinds.inputs.number.spec import Number
from pipeline.failures import Exit, Failure, main
from pipeline.spec import ColumnSplit, HashSplit, Head, Input, Spec, Vocabulary
from pipeline.spec.file import read_spec

# Few enough values that a few thousand rows show each of them often.
VALUES, LABELS = 40, 8
MISSING = 0.05


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
        raise Failure(Exit.USAGE, "made-up rows are a .parquet file", received=options.output)
    if options.rows < 1:
        raise Failure(Exit.USAGE, "there must be at least one row", received=options.rows)
    pq.write_table(rows_for(read_spec(options.spec), options.rows, options.seed), options.output)


def rows_for(spec: Spec, count: int, seed: int, *, missing: float = MISSING) -> pa.Table:
    """`count` rows with every column that the spec names; a share of the cells is `missing`."""
    random = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {}
    worth: dict[str, np.ndarray] = {}
    for name, part in spec.inputs.items():
        values = spec.vocabularies.get(getattr(part, "vocabulary", ""), Vocabulary())
        column, worth[name] = input_column(part, values, count, missing, random)
        columns[spec.input_column(name)] = column
    for name, head in spec.heads.items():
        signal = signal_of([worth[source] for source in head.inputs or spec.inputs])
        values = spec.vocabularies.get(getattr(head, "vocabulary", ""), Vocabulary())
        target = target_column(head, signal, values, random)
        columns[spec.head_column(name)] = with_gaps(target, missing, random)
    return pa.table({**_other_columns(spec, count, random), **columns})


def signal_of(worths: Sequence[np.ndarray]) -> np.ndarray:
    """float [rows], of variance near 1."""
    signal: np.ndarray = np.sum(worths, axis=0) / np.sqrt(len(worths))
    return signal


def input_column(
    part: Input, vocabulary: Vocabulary, count: int, missing: float, random: np.random.Generator
) -> tuple[pa.Array, np.ndarray]:
    """The cells of an input, and what each is worth: float [rows] of mean 0, variance near 1."""
    if isinstance(part, Number):
        return number_column(part, count, missing, random)
    texts = np.array(vocabulary.values or value_texts(part.vocabulary, VALUES))
    worth = np.sqrt(2) * np.sin(np.arange(len(texts)) * 2.4)
    if isinstance(part, Category):
        ids = popular(len(texts), count, random)
        gaps = random.random(count) < missing
        return pa.array(texts[ids], mask=gaps), np.where(gaps, 0.0, worth[ids])
    lengths = random.integers(0, part.length + 3, size=count)
    ids = popular(len(texts), int(lengths.sum()), random)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(texts[ids]))
    # The last element, which every way to combine a sequence can make out.
    last = np.append(ids, 0)[np.maximum(ends[1:] - 1, 0)]
    return lists, np.where(lengths > 0, worth[last], 0.0)


def number_column(
    part: Number, count: int, missing: float, random: np.random.Generator
) -> tuple[pa.Array, np.ndarray]:
    worth = random.standard_normal(count)
    match part.scale:
        case "log":
            cells = np.exp(3 + worth)
        case "none":
            cells = worth
        case _:
            cells = 40 + 12 * worth
    if part.missing == "reject":
        return pa.array(cells), worth
    gaps = random.random(count) < missing
    return pa.array(cells, mask=gaps), np.where(gaps, 0.0, worth)


def target_column(
    head: Head, signal: np.ndarray, vocabulary: Vocabulary, random: np.random.Generator
) -> pa.Array:
    """What a head is to predict, given the signal: float [rows]."""
    match head:
        case Binary():
            return pa.array(signal + 0.3 * random.standard_normal(len(signal)) > 0)
        case Regression(scale="log"):
            return pa.array(np.exp(2 + signal + 0.1 * random.standard_normal(len(signal))))
        case Regression():
            return pa.array(50 + 10 * signal + random.standard_normal(len(signal)))
        case Counts():
            return pa.array(random.poisson(np.exp(1 + 0.5 * signal)))
        case Classification() | Multilabel():
            texts = vocabulary.values or value_texts(head.vocabulary, min(LABELS, vocabulary.size))
            return label_column(head, signal, texts)


def label_column(
    head: Classification | Multilabel, signal: np.ndarray, texts: Sequence[str]
) -> pa.Array:
    """Equal slices of the signal have a label each; with several labels, the sign has one too."""
    place = np.argsort(np.argsort(signal)) * len(texts) // len(signal)
    if isinstance(head, Classification):
        return pa.array([texts[p] for p in place])
    sets = [
        {texts[p], texts[0]} if s > 0 else {texts[p]} for p, s in zip(place, signal, strict=True)
    ]
    return pa.array([sorted(labels) for labels in sets])


def value_texts(vocabulary: str, count: int) -> list[str]:
    """
    >>> value_texts("word", 2)
    ['word0', 'word1']
    """
    return [f"{vocabulary}{i}" for i in range(count)]


def popular(values: int, count: int, random: np.random.Generator) -> np.ndarray:
    """int [count] ids below `values`, the first ones the most frequent."""
    weights = 1 / (np.arange(values) + 5.0)
    return random.choice(values, size=count, p=weights / weights.sum())


def with_gaps(column: pa.Array, missing: float, random: np.random.Generator) -> pa.Array:
    gaps = pa.array(random.random(len(column)) < missing)
    return pc.if_else(gaps, pa.scalar(None, column.type), column)


def _other_columns(spec: Spec, count: int, random: np.random.Generator) -> dict[str, pa.Array]:
    """The columns that only keys, split and weight name."""
    names = list(spec.keys) + (
        list(spec.split.columns) if isinstance(spec.split, HashSplit) else []
    )
    columns = {name: pa.array(_row_names(name, count)) for name in names}
    if isinstance(spec.split, ColumnSplit):
        sides = [*spec.split.eval, *spec.split.test]
        sides += [f"other {i}" for i in range(8 * len(sides))]
        columns[spec.split.column] = pa.array(
            np.array(sides)[random.integers(0, len(sides), count)]
        )
    if spec.weight is not None:
        columns[spec.weight] = pa.array(random.uniform(0.5, 2.0, count))
    return columns


def _row_names(column: str, count: int) -> Iterable[str]:
    return [f"{column} {i}" for i in range(count)]


if __name__ == "__main__":
    main(run)
