"""Serialised examples in one order: the same examples, and the same bytes each time."""

import random
from collections.abc import Callable

import pyarrow as pa
import pytest
import tensorflow as tf
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from pipeline.preparing import records
from pipeline.preparing.records import in_order

# Names as long as each other, with the same ends, of one byte, of several a letter, and a long one.
NAMES = ["a", "b", "ab", "ba", "cat_5", "cot_5", "cat_55", "größe", "größer", "x" * 300]


def rows(names: list[str], count: int = 40) -> pa.RecordBatch:
    """Lists of each type, empty and missing ones too, some so long that a length takes 3 bytes."""
    draw = random.Random(4)
    kinds: list[tuple[pa.DataType, Callable[[], object]]] = [
        (pa.int64(), lambda: draw.randrange(2**40)),
        (pa.float32(), draw.random),
        (pa.binary(), lambda: draw.randbytes(draw.choice([0, 5, 200]))),
    ]
    columns = []
    for at in range(len(names)):
        kind, cell = kinds[at % 3]
        lengths = [draw.choice([0, 1, 3]) for _ in range(count - 2)] + [200, 6_000]
        cells: list[list[object] | None] = [[cell() for _ in range(n)] for n in lengths]
        cells[at % 5] = None
        columns.append(pa.array(cells, pa.list_(kind)))
    return pa.record_batch(columns, names)


def features_in_order(record: bytes) -> list[str]:
    """The names of the features as they stand in the bytes, read field by field."""
    found, at = [], 0

    def length() -> int:
        nonlocal at
        size = shift = 0
        while True:
            byte = record[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return size

    at += 1
    length()
    while at < len(record):
        at += 1
        end = length() + at
        at += 1
        size = length()
        found.append(record[at : at + size].decode())
        at = end
    return found


@pytest.mark.parametrize("names", [NAMES, NAMES[:1], [f"column_{at}" for at in range(150)]])
def test_examples_stay_what_they_are_and_their_features_stand_in_the_order_of_names(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BLOCK_BYTES", 100_000)
    encoded = RecordBatchToExamplesEncoder().encode(rows(names))
    made = in_order(encoded, names)
    for one, other in zip(encoded, made, strict=True):
        assert tf.train.Example.FromString(one) == tf.train.Example.FromString(other)
        assert features_in_order(other) == sorted(names)


def test_equal_rows_are_equal_bytes_each_time() -> None:
    row = rows(NAMES).slice(7, 1)
    several = pa.Table.from_batches([row] * 20).combine_chunks().to_batches()[0]
    encoder = RecordBatchToExamplesEncoder()
    made = {*in_order(encoder.encode(several), NAMES), *in_order(encoder.encode(row), NAMES)}
    assert len(made) == 1


def test_no_rows_are_no_examples() -> None:
    assert in_order([], NAMES) == []
