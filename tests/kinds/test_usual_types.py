"""Rarer types of Arrow hold the same values as the usual ones, in any part of a column."""

import pyarrow as pa
import pytest

from kinds.columns import Field, Kind, cast
from kinds.columns.usual_types import usual

TEXTS = ["a", None, "b", "a"]
LISTS = [["a"], None, [], ["b", None]]
FLAGS = [True, None, False, True]


def _runs() -> pa.Array:
    ends = pa.array([1, 2, 3, 4], pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, pa.array(FLAGS))


def _category() -> pa.Array:
    indices = pa.array([0, None, 1, 0], pa.uint32())
    return pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"], pa.string_view()))


@pytest.mark.parametrize(
    ("column", "kind", "plain"),
    [
        (pa.array(TEXTS, pa.string_view()), "text", pa.array(TEXTS)),
        (pa.array([b"a", None, b"b", b"a"], pa.binary_view()), "text", pa.array(TEXTS)),
        (_category(), "text", pa.array(TEXTS)),
        (pa.array(LISTS, pa.list_(pa.string_view())), "list", pa.array(LISTS)),
        (pa.array(LISTS, pa.large_list(pa.string_view())), "list", pa.array(LISTS)),
        (pa.array(LISTS, pa.list_view(pa.string())), "list", pa.array(LISTS)),
        (pa.array(LISTS, pa.large_list_view(pa.string_view())), "list", pa.array(LISTS)),
        (_runs(), "flag", pa.array(FLAGS)),
        (
            pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0, 1], pa.int8())),
            "text",
            pa.array(FLAGS),
        ),
    ],
)
@pytest.mark.parametrize("start", [0, 1])
def test_a_rarer_type_is_read_as_the_usual_one(
    column: pa.Array, kind: Kind, plain: pa.Array, start: int
) -> None:
    typed = [
        cast(rows, [Field("x", kind)])[0].column(0)
        for rows in (
            usual(pa.RecordBatch.from_arrays([column[start:]], names=["x"])),
            pa.RecordBatch.from_arrays([plain[start:]], names=["x"]),
        )
    ]
    assert str(typed[0].to_pylist()) == str(typed[1].to_pylist())
    # Rows that fit are taken out of such a column.
    batch = usual(pa.RecordBatch.from_arrays([column], names=["x"]))
    assert batch.take(pa.array([3, 0])).num_rows == 2


def test_usual_columns_are_the_same_batch() -> None:
    rows = pa.RecordBatch.from_pydict({"x": ["a"], "y": [[1]], "z": [1.5]})
    assert usual(rows) is rows
