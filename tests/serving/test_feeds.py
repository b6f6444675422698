"""Typed rows as the arrays of the exported graph."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from kinds.columns import TYPES, Field
from serving.model_file.feeds import feeds

texts = st.lists(st.none() | st.lists(st.none() | st.text(max_size=3), max_size=6), min_size=1)


@given(texts, st.integers(1, 5))
def test_the_last_elements_stand_on_the_right(rows: list[list[str | None] | None], n: int) -> None:
    expected = []
    for row in rows:
        last = [value or "" for value in (row or [])][-n:]
        expected.append([""] * (n - len(last)) + last)
    assert TYPES["list"].fed(pa.array(rows, pa.list_(pa.string())), n).tolist() == expected


def test_slices_of_lists_are_read_at_their_offset() -> None:
    lists = pa.array([["a"], ["b", "c"], None, ["d"]]).slice(1, 3)
    assert TYPES["list"].fed(lists, 2).tolist() == [["b", "c"], ["", ""], ["", "d"]]


def test_each_field_has_its_array_under_the_name_of_its_typed_column() -> None:
    fields = [Field("x", "number"), Field("x", "text", name="x:text"), Field("l", "list")]
    typed = pa.RecordBatch.from_pydict(
        {
            "x": pa.array([1.5, float("nan")], pa.float32()),
            "x:text": pa.array(["1.5", None]),
            "l": pa.array([["a"], []], pa.list_(pa.string())),
        }
    )
    made = feeds(typed, fields, {"l": 1})
    assert made["x"].dtype == np.float32
    np.testing.assert_array_equal(made["x"], np.array([1.5, np.nan], np.float32))
    assert made["x:text"].tolist() == ["1.5", ""]
    assert made["l"].tolist() == [["a"], [""]]
