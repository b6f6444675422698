"""Every row of a file comes out once: in a batch with its number, or set aside with a reason."""

import csv
import gzip
import io
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kinds.columns import Field, cast
from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.rows import csv_files, json_columns, json_files, parquet_files


def _write(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def _all(
    path: str, columns: list[str], batch_rows: int = 2, part: rows.Span = None
) -> tuple[list[Any], list[Any]]:
    """[(number, *cells)] of the good rows, [(number, column, reason, text)] of the others."""
    good, broken = [], []
    for batch in rows.read(path, columns, batch_rows, part):
        assert batch.rows.num_rows <= batch_rows
        cells = [column.to_pylist() for column in batch.rows.columns]
        good += list(zip(batch.numbers().tolist(), *cells, strict=True))
        broken += [(b.row, b.column, b.reason, b.text) for b in batch.broken]
    return good, broken


def test_csv_gives_text_and_sets_broken_rows_aside(tmp_path: Path) -> None:
    content = (
        b"\xef\xbb\xbfid,b\r\n00123,NA\r\n\r\nshort\r\n"
        b'"x\ny",""\r\n,1e5\r\na,b,c\r\n\xe9,latin\r\n7,"say ""hi"""'
    )
    good, broken = _all(_write(tmp_path, "a.csv", content), ["b", "id"])
    assert good == [
        (1, "NA", "00123"),
        (3, "", "x\ny"),
        (4, "1e5", None),
        (7, 'say "hi"', "7"),
    ]
    assert sorted(broken) == [
        (2, "", "ragged", "1 cells, the header has 2: short"),
        (5, "", "ragged", "3 cells, the header has 2: a,b,c"),
        (6, "id", "invalid_utf8", "\ufffd"),
    ]


def test_an_unclosed_quote_is_one_broken_row(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.csv", b'a,b\n1,2\n"open,3\n4,5\n')
    good, broken = _all(path, ["a", "b"])
    assert good == [(1, "1", "2"), (3, "4", "5")]
    assert broken == [(2, "", "unclosed_quote", '"open,3')]


_CELL = st.text(st.sampled_from('ab,"\n\r\t \u00e9\U0001f600\u2028;'), max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    table=st.lists(st.lists(_CELL, min_size=2, max_size=2), max_size=7),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_csv_equals_the_csv_module(
    table: list[list[str]], end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [["one", "other"], *table]
    )
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text.getvalue().encode())
    expected = list(csv.reader(io.StringIO(text.getvalue(), newline="")))[1:]
    good, broken = _all(str(path), ["one", "other"])
    assert broken == []
    assert [[cell or "" for cell in row[1:]] for row in good] == [r for r in expected if r]


def _whole_records(body: str) -> list[tuple[str, bool]]:
    """Each record's own text and whether a quote has broken it, by a walk from letter to letter."""
    found, text, at, is_quoted, is_broken = [], "", 0, False, False
    starts, has_end = True, False
    while at < len(body):
        letter = body[at]
        text += letter
        at += 1
        if is_quoted:
            has_end |= letter in "\r\n"
            if letter == '"' and body[at : at + 1] == '"':
                text += '"'
                at += 1
            elif letter == '"':
                is_quoted = False
                is_broken |= has_end and body[at : at + 1] not in ("", ",", "\r", "\n")
        elif letter in "\r\n":
            if text.strip("\r\n"):
                found.append((text, is_broken))
            text, is_broken, starts, has_end = "", False, True, False
            continue
        elif letter == '"' and starts:
            is_quoted, has_end = True, False
        starts = letter == "," and not is_quoted
    if text:
        found.append((text, is_broken or is_quoted))
    return found


@settings(max_examples=1_000 if os.environ.get("CI_FULL") == "1" else 150, deadline=None)
@given(
    body=st.text(st.sampled_from('ab,"\n\r'), max_size=120),
    block=st.sampled_from([5, 8, 1 << 17]),
    batch_rows=st.sampled_from([2, 50]),
)
def test_any_text_is_read_as_the_csv_module_reads_it(
    body: str, block: int, batch_rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Up to the first record that a quote has broken, which is set aside. No record is the header
    again."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(b"c,d\n" + body.encode())
    whole = _whole_records(body)
    assume(not _has_row_names(body))
    first_broken = next((n for n, (_, is_broken) in enumerate(whole) if is_broken), len(whole))
    texts = [text for text, _ in whole[:first_broken]]
    # Lines that would all be rows are not a cell.
    texts = list(itertools.takewhile(lambda text: not _may_be_rows(text), texts))
    records = [next(csv.reader(io.StringIO(text, newline=""))) for text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "READ_BYTES", block)
        good, broken = _all(str(path), ["c", "d"], batch_rows)
    numbered = list(enumerate(records, 1))
    known = len(records)
    assert [(n, a or "", b or "") for n, a, b in good if n <= known] == [
        (n, *r) for n, r in numbered if len(r) == 2
    ]
    assert [b[0] for b in broken if b[0] <= known] == [n for n, r in numbered if len(r) != 2]
    if known < len(whole):
        assert (known + 1, "unclosed_quote") in [(b[0], b[2]) for b in broken]
    numbers = sorted([n for n, *_ in good] + [b[0] for b in broken])
    assert numbers == list(range(1, len(numbers) + 1))


def _has_row_names(body: str) -> bool:
    """Whether the first rows have a cell more than the header, which is refused."""
    lengths = [len(row) for row in csv.reader(io.StringIO(body, newline="")) if row]
    return {3} in ({*lengths}, {*lengths[:-1]})


def _may_be_rows(record: str) -> bool:
    lines = re.split("\r\n|\r|\n", record.rstrip("\r\n"))
    return len(lines) > 4 and all(line.count(",") == 1 for line in lines)


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_header_may_have_thousands_of_long_names(tmp_path: Path, delimiter: str) -> None:
    names = [f"{'a' * 60}{i}" for i in range(5_000)]
    content = f"{delimiter.join(names)}\n{delimiter.join('1' * 5_000)}\n".encode()
    path = _write(tmp_path, "a.csv", content)
    assert rows.column_names(path) == names
    assert _all(path, names[-1:]) == ([(1, "1")], [])


def test_a_row_that_fits_into_no_small_block_is_read_with_its_number(tmp_path: Path) -> None:
    """All before it come from small blocks, it and all behind it from large ones."""
    long = "x" * 3_000_000
    lines = [*(f"{i},y" for i in range(300_000)), "1,2,3", f"{long},z", "bad", "last,y"]
    path = _write(tmp_path, "a.csv", "\n".join(["a,b", *lines]).encode())
    good, broken = _all(path, ["a", "b"], 50_000)
    assert [row[0] for row in good] == [*range(1, 300_001), 300_002, 300_004]
    assert [row[1] for row in good[:-2]] == [str(i) for i in range(300_000)]
    assert [row[1:] for row in good[-2:]] == [(long, "z"), ("last", "y")]
    assert [b[0] for b in broken] == [300_001, 300_003]


def test_a_csv_file_is_not_read_far_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow its rows are taken."""
    path, seen = _write(tmp_path, "a.csv", b"a,b\n" + b"12345,7890\n" * 400_000), []

    class Counted(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            content = super().read(size)
            seen.append(len(content or b""))
            return content or b""

    monkeypatch.setattr(csv_files, "READ_BYTES", 20_000)
    rows = csv_files.read(path, ["a", "b"], 100)
    monkeypatch.setattr(csv_files, "opened", lambda *_: Counted(path))
    next(rows)
    assert sum(seen) < 100_000


JSON_LINES = b"""{"a": "2020-01-01", "n": 1, "other": {}}

{"a": "x", "n": 2}
not json
{"a": "y", "a": "z"}
[1]
{"a": {"b": 1}}
{"a": "\\ud800"}
{"a": NaN}
{"n": 2.5, "a": 5}
"""


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_bad_json_lines_are_set_aside(tmp_path: Path, name: str) -> None:
    content = gzip.compress(JSON_LINES) if name.endswith("gz") else JSON_LINES
    good, broken = _all(_write(tmp_path, name, content), ["a", "n"])
    assert [row[:2] for row in good] == [(1, "2020-01-01"), (2, "x"), (9 - 0, "5")]
    assert [float(row[2]) for row in good] == [1.0, 2.0, 2.5]
    assert [b[:3] for b in broken] == [
        (3, "", "invalid_json"),
        (4, "a", "invalid_json"),
        (5, "", "invalid_json"),
        (6, "a", "unsupported_type"),
        (7, "a", "invalid_utf8"),
        (8, "a", "invalid_json"),
    ]


@pytest.mark.parametrize("said", ["NaN", "-NaN", "Infinity", "-Infinity"])
def test_what_json_has_not_is_set_aside_among_many_numbers(tmp_path: Path, said: str) -> None:
    lines = [b'{"a": 0.5}'] * 300 + [b'{"a": %s}' % said.encode()]
    good, broken = _all(_write(tmp_path, "a.jsonl", b"\n".join(lines)), ["a"], 400)
    assert (len(good), [b[:3] for b in broken]) == (300, [(301, broken[0][1], "invalid_json")])


def test_a_line_without_an_end_is_not_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a small packed file may hold. One of up to so many bytes is a row."""
    monkeypatch.setattr(json_files, "BLOCK_BYTES", 100)
    monkeypatch.setattr(json_files, "LINE_BYTES", 300)
    for letters, is_row in ((280, True), (500, False)):
        path = _write(tmp_path, "a.jsonl.gz", gzip.compress(b'{"a": "%s"}\n' % (b"x" * letters)))
        if is_row:
            assert _all(path, ["a"]) == ([(1, "x" * letters)], [])
        else:
            with pytest.raises(Failure, match="damaged or cut short") as failed:
                _all(path, ["a"])
            assert failed.value.exit_code == Exit.INTEGRITY


def test_deep_json_is_set_aside(tmp_path: Path) -> None:
    deep = b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}\n"
    path = _write(tmp_path, "a.jsonl", b'{"a": "x"}\n' + deep)
    good, broken = _all(path, ["a"])
    assert good == [(1, "x")]
    assert [(b[0], b[2]) for b in broken] == [(2, "invalid_json")]


@pytest.mark.parametrize("lines", [b"null", b" null\n", b"null\n{}\n", b'null\n{"a": "x"}'])
def test_a_block_that_begins_with_null_does_not_end_the_process(
    tmp_path: Path, lines: bytes
) -> None:
    good, broken = _all(_write(tmp_path, "a.jsonl", lines), ["a"])
    assert [b[:3] for b in broken] == [(1, "", "invalid_json")]
    assert [row[0] for row in good] == ([2] if b"{" in lines else [])


@pytest.mark.parametrize("lines", [3, 1_000])
def test_json_lists_are_their_text_where_no_list_is_asked_for(tmp_path: Path, lines: int) -> None:
    """However many there are, and nothing else: a block of them has one type, others have none."""
    path = _write(tmp_path, "a.jsonl", b'{"a": ["x", 5, null]}\n' * lines)
    (batch,) = rows.read(path, ["a"])
    asked = [Field("a", "list"), Field("a", "text", name="b")]
    typed, good, _ = cast(batch.rows, asked)
    assert typed.slice(0, 1).to_pylist() == [{"a": ["x", "5", None], "b": '["x", "5", null]'}]
    assert len(good) == lines
    for kind in ("number", "flag"):
        _, good, rejected = cast(batch.rows, [Field("a", kind)])
        assert (len(good), len(rejected)) == (0, lines)
        assert (rejected[0].reason, rejected[0].text) == (f"not_a_{kind}", '["x", "5", null]')


_LARGE = ["x" * 50] * 10_000


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([{"a": _LARGE, "n": 1}, {"n": 2, "a": ["y"]}], [(_LARGE, "1"), (["y"], "2")]),
        ([{"a": [*range(200_000)], "n": "1"}], [([*map(str, range(200_000))], "1")]),
        ([{"a": ["2020-01-01"] * 60_000, "n": 1}], [(["2020-01-01"] * 60_000, "1")]),
        ([{"a": [None, "z"] * 60_000}], [([None, "z"] * 60_000, None)]),
        ([{"a": [0.5, 1.0, "z", True] * 30_000}], [(["0.5", "1", "z", "true"] * 30_000, None)]),
    ],
    ids=["texts", "integers", "times", "missing", "mixed"],
)
def test_lists_of_large_rows_are_as_those_of_small_ones(
    tmp_path: Path, lines: list[Any], expected: list[Any]
) -> None:
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    (batch,) = rows.read(_write(tmp_path, "a.jsonl", content), ["a", "n"])
    assert rows.column_names(str(tmp_path / "a.jsonl")) == list(lines[0])
    typed, good, _ = cast(batch.rows, [Field("a", "list"), Field("n", "text")])
    assert [tuple(row.values()) for row in typed.to_pylist()] == expected
    assert len(good) == len(lines)


@pytest.mark.parametrize("bad", [b'{"a": [["b"]]}', b'{"a": NaN}', b"[1]", b'{"a": "\xff"}'])
def test_a_bad_line_among_large_rows_is_set_aside(tmp_path: Path, bad: bytes) -> None:
    large = json.dumps({"a": _LARGE}).encode()
    good, broken = _all(_write(tmp_path, "a.jsonl", large + b"\n" + bad + b"\n"), ["a"])
    assert (good, [b[0] for b in broken]) == ([(1, _LARGE)], [2])


def test_json_types_may_change_after_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "BLOCK_BYTES", 300)
    said = [{"a": i, "l": ["p", "q"]} for i in range(400)]
    said += [{"a": 0.5}, {"a": "text", "l": "p q"}, {}]
    content = "".join(json.dumps(row) + "\n" for row in said).encode()
    good, broken = _all(_write(tmp_path, "a.jsonl", content), ["a", "l"], 64)
    assert broken == []
    assert [row[0] for row in good] == list(range(1, 404))
    assert [str(row[1]) for row in good[:400]] == [str(i) for i in range(400)]
    assert [row[1] for row in good[401:]] == ["text", None]
    assert good[3][2] == ["p", "q"]


def test_parquet_streams_its_own_types(tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    table = pa.table({"l": [["a"], None, []], "n": [1, None, 3], "extra": [0, 0, 0]})
    pyarrow.parquet.write_table(table, path, row_group_size=1)
    good, broken = _all(path, ["n", "l"])
    assert (good, broken) == ([(1, 1, ["a"]), (2, None, None), (3, 3, [])], [])


def test_parts_of_a_parquet_file_are_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "a.parquet")
    table = pa.table({"a": [str(i) for i in range(100)]})
    pyarrow.parquet.write_table(table, path, row_group_size=7)
    assert rows.parts(path) == [range(15)]
    monkeypatch.setattr(parquet_files, "PART_BYTES", 150)
    parts = rows.parts(path)
    assert len(parts) > 3
    found = [
        (number, cell)
        for part in parts[::-1]
        for batch in rows.read(path, ["a"], 4, part)
        for number, cell in zip(batch.numbers().tolist(), batch.rows["a"].to_pylist(), strict=True)
    ]
    assert sorted(found) == [(i + 1, str(i)) for i in range(100)]


def _in_parts(path: str, columns: list[str], part_bytes: int) -> tuple[int, list[Any], list[Any]]:
    """How many parts a file has when they are that small, and what `_all` would give of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "PART_BYTES", part_bytes)
        patch.setattr(csv_files, "READ_BYTES", part_bytes)
        patch.setattr(json_files, "PART_BYTES", part_bytes)
        patch.setattr(json_files, "BLOCK_BYTES", part_bytes)
        parts = rows.parts(path)
    found = [_all(path, columns, part=part) for part in parts]
    return len(parts), [g for good, _ in found for g in good], [b for _, bad in found for b in bad]


def _texts(path: str, part_bytes: int) -> list[Any]:
    """[(number, lists of texts)] of a file that is read in blocks and parts of that size."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_files, "PART_BYTES", part_bytes)
        patch.setattr(json_files, "BLOCK_BYTES", part_bytes)
        for part in rows.parts(path):
            for batch in rows.read(path, ["a", "b"], part=part):
                typed, good, _ = cast(batch.rows, [Field("a", "list"), Field("b", "list")])
                cells = [column.to_pylist() for column in typed.columns]
                found += list(zip(batch.numbers()[good].tolist(), *cells, strict=True))
    return found


@settings(max_examples=2_000 if os.environ.get("CI_FULL") == "1" else 80, deadline=None)
@given(
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    body=st.text(st.sampled_from('ab,"\n\r'), max_size=120)
    | st.lists(
        st.tuples(*[st.sampled_from(["a", '"x\n"', '"\r\n,"', '""', '"a""\n"', ""])] * 2),
        max_size=30,
    ).map(lambda cells: "\r\n".join(map(",".join, cells))),
    part_bytes=st.sampled_from([3, 8, 20, 64]),
)
def test_parts_of_a_csv_file_are_the_file(
    mark: bytes, body: str, part_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(not _has_row_names(body))
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(mark + b"a,b\n" + body.encode())
    _, good, broken = _in_parts(str(path), ["b", "a"], part_bytes)
    whole_good, whole_broken = _all(str(path), ["b", "a"])
    assert good == whole_good
    assert sorted(broken) == sorted(whole_broken)


def test_a_csv_file_with_quoted_line_ends_has_many_parts(tmp_path: Path) -> None:
    lines = "".join(f'"{at}\n""x""\r\n",{at}\r\n' for at in range(500))
    path = _write(tmp_path, "a.csv", b'\xef\xbb\xbf"a\n",b\r\n' + lines.encode() + b"short\n\xe9,7")
    count, good, broken = _in_parts(path, ["b", "a\n"], 300)
    assert count > 10
    assert good == [(at + 1, str(at), f'{at}\n"x"\r\n') for at in range(500)]
    assert [b[:3] for b in broken] == [(501, "", "ragged"), (502, "a\n", "invalid_utf8")]


def test_a_quote_amid_a_cell_does_not_make_a_csv_file_one_part(tmp_path: Path) -> None:
    plain, quote = b"1,2\n" * 100, b'3" pipe,"4\n"\n' * 100
    path = _write(tmp_path, "a.csv", b"a,b\n" + plain + quote + plain)
    count, good, broken = _in_parts(path, ["a", "b"], 40)
    assert 30 <= count <= 60
    assert (good, broken) == _all(path, ["a", "b"])
    assert len(good) == 300


_JSON_CELL = st.sampled_from(
    [
        *("1", "-7", "9007199254740993", "12345678901234567890"),
        *("1.5", "-0.0", "5.0", "1e22", "1e-7", "1e300", "0.1", "1e400"),
        *('"x"', '"\\udc00"', "null", '["p", 5.0, null]', "{}", "NaN"),
    ]
)
_JSON_LINE = st.tuples(_JSON_CELL, _JSON_CELL).map(
    lambda two: f'{{"a": {two[0]}, "b": {two[1]}}}'
) | st.sampled_from(["", " ", "{}", "broken", "null", '{"b": 1}', "[1]"])


@settings(max_examples=2_000 if os.environ.get("CI_FULL") == "1" else 80, deadline=None)
@given(
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    lines=st.lists(_JSON_LINE, min_size=1, max_size=25),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.sampled_from(["", "\n"]),
    part_bytes=st.sampled_from([10, 60, 200]),
)
def test_parts_of_a_json_file_are_the_file(
    mark: bytes,
    lines: list[str],
    end: str,
    last: str,
    part_bytes: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.jsonl"
    path.write_bytes(mark + (end.join(lines) + last).encode())
    _, good, broken = _in_parts(str(path), ["a", "b"], part_bytes)
    whole_good, whole_broken = _all(str(path), ["a", "b"])
    assert [row[0] for row in good] == [row[0] for row in whole_good]
    assert broken == whole_broken
    assert _texts(str(path), part_bytes) == _texts(str(path), 1 << 20)


_PLAIN_CELL = st.sampled_from(
    [
        *("true", "false", "null", "0", "1", "-7", "12345678901234567890", "9007199254740993"),
        *("-0.0", "1.0", "2.5", "1e22", "1e400", "5e-324", '"x"', '"1.5"', '"true"', '""'),
        *('["x", null]', "[1, 2]", "[]", '["a b", "\\u00e9"]', "[0.5, true]"),
    ]
)


@settings(max_examples=2_000 if os.environ.get("CI_FULL") == "1" else 80, deadline=None)
@given(
    kinds=st.lists(_PLAIN_CELL, min_size=1, max_size=4),
    picks=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    part_bytes=st.sampled_from([10, 60, 200]),
    sample=st.sampled_from([1, 3, 200]),
    as_long_lists=st.booleans(),
)
def test_json_values_are_cast_alike_in_any_company(
    kinds: list[str],
    picks: list[int],
    part_bytes: int,
    sample: int,
    as_long_lists: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each alone in its file, and together: read at once, by line, in blocks and parts."""
    folder = tmp_path_factory.mktemp("json")
    alone = {cell: _cast_all(_write_cells(folder / "a.jsonl", [cell]), 1 << 20) for cell in kinds}
    cells = [kinds[pick % len(kinds)] for pick in picks]
    path = _write_cells(folder / "b.jsonl", cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_columns, "SAMPLE_LINES", sample)
        patch.setattr(json_columns, "_has_long_lists", lambda block: as_long_lists)
        for size in (part_bytes, 1 << 20):
            assert _cast_all(path, size) == [one for cell in cells for one in alone[cell]]


def _write_cells(path: Path, cells: list[str]) -> str:
    path.write_text("".join(f'{{"a": {cell}}}\n' for cell in cells))
    return str(path)


def _cast_all(path: str, part_bytes: int) -> list[Any]:
    """Each row as text, list, number and flag, a reason where it is none."""
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_files, "PART_BYTES", part_bytes)
        patch.setattr(json_files, "BLOCK_BYTES", part_bytes)
        for batch in [b for part in rows.parts(path) for b in rows.read(path, ["a"], part=part)]:
            found += zip(*(_cast_one(batch.rows, kind) for kind in _KINDS), strict=True)
    return found


_KINDS: tuple[Any, ...] = ("text", "list", "number", "flag")


def _cast_one(batch: pa.RecordBatch, kind: Any) -> list[str]:
    typed, good, rejected = cast(batch, [Field("a", kind)])
    said = dict(zip(good.tolist(), map(repr, typed.column("a").to_pylist()), strict=True))
    said |= {one.row: f"{one.reason}: {one.text}" for one in rejected}
    return [said[at] for at in range(batch.num_rows)]


def test_what_is_small_or_packed_has_one_part(tmp_path: Path) -> None:
    assert rows.parts(_write(tmp_path, "a.csv", b"a\n1\n")) == [None]
    assert rows.parts(_write(tmp_path, "a.jsonl", b"{}\n")) == [None]
    packed = _write(tmp_path, "a.jsonl.gz", gzip.compress(JSON_LINES))
    assert _in_parts(packed, ["a"], 10) == (1, *_all(packed, ["a"]))


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz", "a.jsonl.gz"])
def test_a_truncated_file_is_an_integrity_failure(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.parquet":
        pyarrow.parquet.write_table(pa.table({"a": list(range(1000))}), path)
    elif name == "a.csv.gz":
        path.write_bytes(gzip.compress(b"a\n" + b"".join(b"%d\n" % i for i in range(9999))))
    else:
        path.write_bytes(gzip.compress(b"".join(b'{"a": %d}\n' % i for i in range(9999))))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Failure) as failure:
        _all(str(path), ["a"])
    assert failure.value.exit_code == Exit.INTEGRITY
    assert name in str(failure.value)


def test_missing_and_repeated_columns_are_named(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.csv", b"a,b\n1,2\n")
    with pytest.raises(Failure, match=r"missing: \['B', 'c'\]"):
        _all(path, ["a", "B", "c"])
    twice = _write(tmp_path, "twice.csv", b"a,a\n1,2\n")
    with pytest.raises(Failure, match="named once"):
        _all(twice, ["a"])


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"a,b", b"\n\n"])
def test_a_file_without_rows_gives_none(tmp_path: Path, content: bytes) -> None:
    assert _all(_write(tmp_path, "a.csv", content), ["a", "b"]) == ([], [])


def test_expand_wants_a_file_for_every_pattern(tmp_path: Path) -> None:
    one = _write(tmp_path, "b.csv", b"")
    two = _write(tmp_path, "a.csv", b"")
    assert rows.expand([str(tmp_path / "*.csv"), one]) == [two, one]
    with pytest.raises(Failure) as failure:
        rows.expand([str(tmp_path / "*.parquet")])
    assert failure.value.exit_code == Exit.USAGE


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="rows are read from"):
        rows.column_names(_write(tmp_path, "a.xlsx", b""))
