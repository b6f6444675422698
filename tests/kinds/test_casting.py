"""What becomes of each kind of value, and that bad rows are left out exactly."""

import datetime
import decimal
import json
import math
import re
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds.columns import MAX_TEXT, Field, carried, cast, large_rows
from pipeline import rows
from pipeline.failures import Exit, Failure


def _cast(values: list[Any], kind: Any, type_: pa.DataType | None = None, **more: Any) -> Any:
    """(typed values of the good rows, [(index, reason)] of the others)."""
    array = pa.array(values, pa.string() if type_ is None else type_)
    rows = pa.RecordBatch.from_arrays([array], names=["x"])
    typed, good, rejected = cast(rows, [Field("x", kind, **more)])
    assert typed.num_rows == len(good) == len(values) - len(rejected)
    return typed.column("x").to_pylist(), [(bad.row, bad.reason) for bad in rejected]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        ("1e5", 1e5),
        (" 12 ", 12.0),
        ("+5", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E-2", float(np.float32(0.01))),
        ("9999999999999999999999", float(np.float32(1e22))),
        ("1e-310", 0.0),
        ("1e-40", 0.0),
        ("1.2e-38", float(np.float32(1.2e-38))),
        ("00123", 123.0),
        ("", math.nan),
        (" ", math.nan),
        (None, math.nan),
        ("NaN", math.nan),
        ("nan", math.nan),
    ],
)
def test_text_that_is_a_number(text: str | None, number: float) -> None:
    values, rejected = _cast([text], "number")
    assert rejected == []
    assert values == [number] or (math.isnan(values[0]) and math.isnan(number))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("inf", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e400", "not_finite"),
        ("1e39", "not_finite"),
        ("1,234", "not_a_number"),
        ("0x1F", "not_a_number"),
        ("1_0", "not_a_number"),
        ("two", "not_a_number"),
        ("null", "not_a_number"),
        ("\u0661\u0662", "not_a_number"),
        ("nan(3)", "not_a_number"),
        ("1 2", "not_a_number"),
    ],
)
def test_text_that_is_no_number(text: str, reason: str) -> None:
    assert _cast(["1", text, "2"], "number") == ([1.0, 2.0], [(1, reason)])


@pytest.mark.parametrize(
    ("value", "type_", "number"),
    [
        (math.inf, pa.float64(), None),
        (-math.inf, pa.float32(), None),
        (1e39, pa.float64(), None),
        (decimal.Decimal(10) ** 39, pa.decimal256(50, 0), None),
        (math.nan, pa.float64(), math.nan),
        (-0.0, pa.float64(), -0.0),
        (-1e-40, pa.float64(), -0.0),
        (2**64 - 1, pa.uint64(), 2.0**64),
    ],
)
def test_native_numbers_at_the_edge(value: Any, type_: pa.DataType, number: float | None) -> None:
    values, rejected = _cast([value], "number", type_)
    assert rejected == ([] if number is not None else [(0, "not_finite")])
    assert [str(v) for v in values] == ([] if number is None else [str(number)])


DOCUMENT = (Path(__file__).parents[2] / "docs" / "preparing.md").read_text("utf-8")
ODD = re.findall(
    r"^\| (?:`([^`]*)`|<code>(.*)</code>|\(empty\)) \| (\S+) \| (\S+) \|$", DOCUMENT, re.M
)


@pytest.mark.parametrize("row", ODD, ids=lambda row: row[0] or row[1] or "empty")
def test_odd_cells_become_what_the_document_says(row: tuple[str, ...], tmp_path: Path) -> None:
    cell = (row[0] or row[1]).replace("&nbsp;", " ")
    (tmp_path / "a.csv").write_text(f'x\n"{cell}"\n', encoding="utf-8")
    (batch,) = rows.read(str(tmp_path / "a.csv"), ["x"])
    (text,) = batch.rows.column("x").to_pylist()
    assert text == cell
    for kind, said in zip(("number", "flag"), row[2:], strict=True):
        values, rejected = _cast([text], kind)
        if said.startswith("`"):
            assert rejected == [(0, said.strip("`"))]
        elif said == "missing":
            assert math.isnan(values[0])
        else:
            assert str(np.float32(values[0])) == str(np.float32(said))


def test_the_document_has_them_all() -> None:
    assert len(ODD) >= 24


def test_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, _cast(["-0.0"], "number")[0][0]) == -1


def test_flags() -> None:
    true, false = ["1", "1.0", "true", "YES", "t", " y "], ["0", "0.0", "False", "no", "F", "n"]
    assert _cast(true + false, "flag") == ([1.0] * 6 + [0.0] * 6, [])
    assert _cast(["2", "yes"], "flag") == ([1.0], [(0, "not_a_flag")])
    assert math.isnan(_cast([""], "flag")[0][0])
    assert _cast([True, False], "flag", pa.bool_()) == ([1.0, 0.0], [])
    assert _cast([1, 0, 2], "flag", pa.int64()) == ([1.0, 0.0], [(2, "not_a_flag")])


@pytest.mark.parametrize(
    ("value", "type_", "text", "number"),
    [
        (5, pa.int64(), "5", 5.0),
        (2**63 - 1, pa.int64(), "9223372036854775807", float(np.float32(2**63 - 1))),
        (5.0, pa.float64(), "5", 5.0),
        (1.5, pa.float32(), "1.5", 1.5),
        (True, pa.bool_(), "true", 1.0),
        (decimal.Decimal("5.10"), pa.decimal128(10, 2), "5.10", float(np.float32(5.1))),
        (datetime.date(1970, 1, 2), pa.date32(), "1970-01-02", 86400.0),
        (datetime.datetime(1970, 1, 1, 0, 1), pa.timestamp("s"), "1970-01-01 00:01:00", 60.0),
        ("7", pa.dictionary(pa.int8(), pa.string()), "7", 7.0),
        (b"7", pa.binary(), "7", 7.0),
        ("7", pa.large_string(), "7", 7.0),
        ("7", pa.string_view(), "7", 7.0),
    ],
)
def test_native_values(value: Any, type_: pa.DataType, text: str, number: float) -> None:
    assert _cast([value, None], "text", type_) == ([text, None], [])
    values, rejected = _cast([value, None], "number", type_)
    assert (values[0], rejected) == (number, [])
    assert math.isnan(values[1])


def test_text_is_left_as_it_is() -> None:
    values = ["00123", "NA", "null", "None", "N/A", "", " x ", "a\nb", "\U0001f600", "e\u0301"]
    assert _cast(values, "text") == (values, [])


def test_lists() -> None:
    assert _cast(["a b", "", None, "a"], "list") == ([["a", "b"], [], None, ["a"]], [])
    assert _cast(["a||b"], "list", separator="|") == ([["a", "", "b"]], [])
    assert _cast(['["a b", 5, null]', "[ a"], "list") == ([["a b", "5", None], ["[", "a"]], [])
    native = [[1, None], None, []]
    assert _cast(native, "list", pa.list_(pa.int64())) == ([["1", None], None, []], [])
    assert _cast([["a", "b"]], "list", pa.list_(pa.string(), 2)) == ([["a", "b"]], [])


_LISTS = [
    *(None, "", " ", "a b", "[", "[a", "[]", "[[1]]", ' ["a"]', '["a"] ', "[1, 2.50, true]"),
    *('["a", 5, null]', '["a b", "\\u00e9\u00e9"]', '["\\ud800"]', '["a",\n"b"]'),
    # What ends the object that is put around a list.
    *('["a"], "b": 1', '["a"], "list": ["b"]', '["a"]}\n{"list": ["b"]', '["a"]}', '["a"]]'),
]


def _list(cell: str | None) -> Any:
    if not cell:
        return cell if cell is None else []
    try:
        found = json.loads(cell if cell.startswith("[") else "no list")
        said = [v if v is None or isinstance(v, str) else json.dumps(v) for v in found]
        "".join(filter(None, said)).encode()
    except ValueError:
        return cell.split(" ")
    return cell.split(" ") if any(isinstance(v, list | dict) for v in found) else said


@pytest.mark.parametrize("are_large", [False, True])
@given(cells=st.lists(st.sampled_from(_LISTS), max_size=6))
def test_lists_in_text_are_what_json_says(are_large: bool, cells: list[str | None]) -> None:
    """Be they read by Python or, as of large rows, by Arrow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_rows, "are_large", lambda size, rows: are_large)
        assert _cast(cells, "list") == ([_list(cell) for cell in cells], [])


def test_a_long_list_that_numpy_has_shortened_is_rejected() -> None:
    cells = ["[0 1 ... 8 9]", "[0 1]", "a ... b", "[a ... b", "['x ... y']"]
    values, rejected = _cast(cells, "list")
    assert rejected == [(0, "shortened_list")]
    assert values == [["0", "1"], ["a", "...", "b"], ["[a", "...", "b"], ["x ... y"]]


def test_tuples_and_sets_of_python_are_lists() -> None:
    cells = ["(1, 2)", "('a', 'b c')", "('a',)", "()", "{'a', True}", "(a b)", "('a')"]
    expected = [["1", "2"], ["a", "b c"], ["a"], [], ["a", "true"], ["(a", "b)"], ["('a')"]]
    assert _cast(cells, "list") == (expected, [])
    assert _cast(["(1, 2.5)"], "vector") == ([[1.0, 2.5]], [])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_length_of_time_is_its_seconds_in_any_unit(unit: str) -> None:
    times = [datetime.timedelta(seconds=90), datetime.timedelta(days=-400), None]
    type_ = pa.duration(unit)
    assert _cast(times, "text", type_) == (["90", "-34560000", None], [])
    assert _cast(times[:2], "number", type_) == ([90.0, -34560000.0], [])
    if unit != "s":
        half = [datetime.timedelta(days=200, seconds=0.5)]
        assert _cast(half, "text", type_) == (["17280000.5"], [])


def test_decimals_of_yes_and_no_are_flags() -> None:
    cells = [decimal.Decimal("1.00"), decimal.Decimal("0.00"), None, decimal.Decimal("0.50")]
    values, rejected = _cast(cells, "flag", pa.decimal128(5, 2))
    assert values[:2] == [1.0, 0.0] and math.isnan(values[2])
    assert rejected == [(3, "not_a_flag")]


def test_bytes_that_are_not_utf8_are_rejected() -> None:
    assert _cast([b"a", b"\xff", None], "text", pa.binary()) == (["a", None], [(1, "invalid_utf8")])
    lists = [[b"a"], [b"b", b"\xff"]]
    assert _cast(lists, "list", pa.list_(pa.binary())) == ([["a"]], [(1, "invalid_utf8")])


def test_required_and_nonnegative() -> None:
    assert _cast(["1", ""], "number", required=True) == ([1.0], [(1, "missing")])
    values, rejected = _cast(["0", "-1", ""], "number", nonnegative=True)
    assert (values[0], math.isnan(values[1]), rejected) == (0.0, True, [(1, "negative")])


def test_a_struct_is_a_failure_that_names_the_column() -> None:
    with pytest.raises(Failure, match="column 'x' must be readable as text") as failure:
        _cast([{"a": 1}], "text", pa.struct([("a", pa.int8())]))
    assert failure.value.exit_code == Exit.USAGE


def test_a_row_is_rejected_once_and_by_its_first_field() -> None:
    rows = pa.RecordBatch.from_pydict({"a": ["x", "1", "2"], "b": ["y", "z", "3"]})
    typed, good, rejected = cast(
        rows, [Field("a", "number"), Field("b", "number"), Field("a", "text", name="key")]
    )
    assert typed.to_pydict() == {"a": [2.0], "b": [3.0], "key": ["2"]}
    assert good.tolist() == [2]
    assert [(r.row, r.column, r.text) for r in rejected] == [(0, "a", "x"), (1, "b", "z")]


def test_the_text_of_a_rejected_row_is_cut() -> None:
    rows = pa.RecordBatch.from_pydict({"x": ["\u00e9" * MAX_TEXT]})
    _, _, rejected = cast(rows, [Field("x", "number")])
    assert rejected[0].text == "\u00e9" * (MAX_TEXT // 2)


def test_no_rows() -> None:
    for kind in ("text", "list", "number", "flag"):
        assert _cast([], kind) == ([], [])


def test_uuids_are_their_text_in_whatever_part_of_a_column_and_where_they_are_carried() -> None:
    values = [uuid.UUID(int=at << 100 | at) for at in range(300)]
    bytes16 = pa.array(
        [None if at % 7 == 3 else v.bytes for at, v in enumerate(values)], pa.binary(16)
    )
    column = pa.ExtensionArray.from_storage(pa.uuid(), bytes16)
    for part in (column, column[3:150], column[5:5]):
        rows = pa.RecordBatch.from_arrays([part], names=["x"])
        typed, _, rejected = cast(rows, [Field("x", "text")])
        expected = [None if value is None else str(value) for value in part.to_pylist()]
        assert typed.column("x").to_pylist() == expected and rejected == []
        assert carried(rows).column("x").to_pylist() == expected


def test_lists_where_one_text_is_asked_for_are_refused_in_words_of_the_spec() -> None:
    lists = pa.RecordBatch.from_arrays([pa.array([["a"]])], names=["x"])
    rule = r"column 'x' must be readable as one text a row \(lists of words are a sequence\)"
    with pytest.raises(Failure, match=rule) as failure:
        cast(lists, [Field("x", "passage")])
    assert failure.value.exit_code == Exit.USAGE
