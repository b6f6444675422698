"""What comes of odd and of broken files, a line of a table each: rows, rejects or a failure."""

import base64
import datetime
import decimal
import gzip
import re
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pyarrow.parquet.encryption
import pytest

from kinds.columns import Field, cast
from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.rows import csv_dialect, csv_files

AB = [(1, "1", "2"), (2, "3", "4")]


def _read(path: Path, columns: tuple[str, ...] = ("a", "b")) -> tuple[list[Any], list[Any]]:
    """[(number, *cells)] of the good rows, [(number, column, reason)] of the others."""
    good, broken = [], []
    for batch in rows.read(str(path), columns, 2):
        cells = [column.to_pylist() for column in batch.rows.columns]
        good += list(zip(batch.numbers().tolist(), *cells, strict=True))
        broken += [(one.row, one.column, one.reason) for one in batch.broken]
    return good, broken


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "good", "broken"),
    [
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n3,4\n", AB, [], id="byte order mark"),
        pytest.param(b"a,b\r1,2\r3,4\r", AB, [], id="CR"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\r\n", AB, [], id="CR LF"),
        pytest.param(b"a,b\n1,2\r\n3,4", AB, [], id="mixed ends, the last without"),
        pytest.param(b"a,b\n1\0,2\n", [(1, "1\0", "2")], [], id="NUL"),
        pytest.param(b"a,b\n1,2\n\xe9,4\n", AB[:1], [(2, "a", "invalid_utf8")], id="Latin-1"),
        pytest.param(
            b"a,b\n\xc3\xa9,\xe9\n\xe9,\xc3\xa9\nx,y\n",
            [(3, "x", "y")],
            [(1, "b", "invalid_utf8"), (2, "a", "invalid_utf8")],
            id="mixed in one row",
        ),
        pytest.param(
            b"a,b\n\xed\xa0\x80,2\n3,4\n", AB[1:], [(1, "a", "invalid_utf8")], id="lone surrogate"
        ),
        pytest.param(
            "a,b\n\u00e9,e\u0301\n".encode(), [(1, "\u00e9", "e\u0301")], [], id="NFC and NFD"
        ),
        pytest.param(b"b,c,a\n2,x,1\n4,y,3\n", AB, [], id="other order, one more column"),
    ],
)
def test_encodings_and_line_ends(
    tmp_path: Path, content: bytes, good: list[Any], broken: list[Any]
) -> None:
    assert _read(_file(tmp_path, "a.csv", content)) == (good, broken)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-be"), "zero byte"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), r"its name must end in \.gz"),
        (b"PK\x03\x04\x14\0", "a zip file or a spreadsheet"),
        (b"PAR1\x15\x04", r"its name must end in \.parquet"),
        (b"\x28\xb5\x2f\xfd\x04", "packed by zstd"),
        (b"a,b,\xe9\n1,2,3\n", "must be UTF-8"),
        (b"a,b,a\n1,2,3\n", "named once"),
        (b"a\n1\n", r"missing: \['b'\]"),
        (b"a,B\n1,2\n", r"missing: \['b'\]"),
        (b"a, b\n1,2\n", r"missing: \['b'\]"),
    ],
)
def test_headers_that_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(Failure, match=said) as failure:
        _read(_file(tmp_path, "a.csv", content))
    assert failure.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_file_that_is_no_text_in_utf8_says_what_it_is(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(Failure, match="zero byte") as failure:
        _read(_file(tmp_path, f"a.{suffix}", '{"a":"1"}\n'.encode("utf-16-le")))
    assert failure.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("key", ["GR\u00d6SSE", " gr\u00f6sse", "gro\u0308sse"])
def test_a_key_of_json_that_is_written_otherwise_is_a_mistake(tmp_path: Path, key: str) -> None:
    path = _file(tmp_path, "a.jsonl", f'{{"{key}": 1}}\n'.encode())
    with pytest.raises(Failure, match=r"missing: .*; near 'gr\u00f6sse': ") as failure:
        rows.check_columns(str(path), ["gr\u00f6sse"])
    assert failure.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_header_that_comes_again_is_no_row(tmp_path: Path, mark: bytes) -> None:
    header = mark + b"c,a,b\n"
    path = _file(tmp_path, "a.csv", header + b"x,1,2\n" + header + b"x,3,4\nc,b,b\n")
    good, broken = _read(path, ("c", "a", "b"))
    assert good == [(1, "x", "1", "2"), (3, "x", "3", "4"), (4, "c", "b", "b")]
    assert broken == [(2, "", "header_again")]
    # Two words of three may be a row's own.
    assert _read(path, ("a", "b"))[0] == [
        (1, "1", "2"),
        (2, "a", "b"),
        (3, "3", "4"),
        (4, "b", "b"),
    ]


def test_columns_that_a_spreadsheet_leaves_behind_without_a_name_are_passed_over(
    tmp_path: Path,
) -> None:
    path = _file(tmp_path, "a.csv", b"a,b,,\n1,2,,\n3,4,,\n")
    assert rows.column_names(str(path)) == ["a", "b"]
    assert _read(path) == (AB, [])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "b", "a"], "named once"),
        (["a"], r"missing: \['b'\]"),
        (["a", "B"], r"missing: \['b'\]"),
        (["a", " b"], r"missing: \['b'\]"),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_columns_that_are_refused(tmp_path: Path, names: list[str], said: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        table = pa.Table.from_arrays([pa.array(["1"])] * len(names), names=names)
        pyarrow.parquet.write_table(table, path)
    else:
        path.write_text("{" + ", ".join(f'"{name}": "1"' for name in names) + "}\n")
    if suffix == "jsonl" and said == "named once":
        # A row may have any keys, and one in which a key is there twice is a bad row.
        assert _read(path, ("a", "b")) == ([], [(1, "a", "invalid_json")])
        return
    if suffix == "jsonl" and names == ["a"]:
        # A row may lack a key, and so may all.
        assert rows.check_columns(str(path), ["a", "b"]) == []
        assert _read(path) == ([(1, "1", None)], [])
        return
    with pytest.raises(Failure, match=said) as failure:
        rows.check_columns(str(path), ["a", "b"])
    assert failure.value.exit_code == Exit.USAGE


def test_columns_are_found_by_their_names_in_any_order(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(
        pa.table({"b": ["2"], "x": [5], "a": ["1"]}), tmp_path / "a.parquet"
    )
    path = _file(tmp_path, "a.jsonl", b'{"b": "2", "x": 5, "a": "1"}\n')
    for file in (tmp_path / "a.parquet", path):
        assert rows.check_columns(str(file), ["a", "b"]) == ["x"]
        assert _read(file) == (AB[:1], [])


@pytest.mark.parametrize(
    ("content", "good", "broken"),
    [
        pytest.param(b'\xef\xbb\xbf{"a":"1","b":"2"}\n', AB[:1], [], id="byte order mark"),
        pytest.param(b'{"a":"1","b":"2"}\r\n{"a":"3","b":"4"}', AB, [], id="CR LF, no last end"),
        pytest.param(
            b'{"a":"1","b":"2"}\r{"a":"3","b":"4"}\r', [], [(1, "", "invalid_json")], id="CR"
        ),
        pytest.param(
            b'{"a":"1\\u0000","b":"2"}\n{"a":"\0"}\n',
            [(1, "1\0", "2")],
            [(2, "", "invalid_json")],
            id="NUL",
        ),
        pytest.param(
            b'{"a":"\xe9","b":"\xc3\xa9"}\n{"a":"3","b":"4"}\n',
            AB[1:],
            [(1, "a", "invalid_utf8")],
            id="mixed in one row",
        ),
        pytest.param(
            '{"a":"\u00e9","b":"e\u0301\u2028"}\n'.encode(),
            [(1, "\u00e9", "e\u0301\u2028")],
            [],
            id="NFC, NFD and Unicode's line end",
        ),
    ],
)
def test_encodings_and_line_ends_of_json(
    tmp_path: Path, content: bytes, good: list[Any], broken: list[Any]
) -> None:
    assert _read(_file(tmp_path, "a.jsonl", content)) == (good, broken)


def test_further_columns_are_named(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", b"x,a,b, y\n1,2,3,4\n")
    assert rows.check_columns(str(path), ["a", "b"]) == ["x", " y"]


@pytest.mark.parametrize("delimiter", list(csv_dialect.DELIMITERS))
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str, name: str) -> None:
    lines = ['a,"x,y;z"\t|b', '1,"p;q"\t|2', '3,"\t|"\t|4']
    text = "\n".join(line.replace("\t|", "\0").replace(",", "\0", 1) for line in lines)
    content = text.replace("\0", delimiter).encode()
    path = _file(tmp_path, name, gzip.compress(content) if name.endswith("gz") else content)
    assert _read(path) == (AB, [])


def test_a_header_of_5000_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(5000)]
    cells = ",".join(str(i) for i in range(5000))
    path = _file(tmp_path, "a.csv", f"{','.join(names)}\n{cells}\n".encode())
    assert _read(path, ("c4999", "c7")) == ([(1, "4999", "7")], [])


def test_a_line_end_in_quotes_may_fall_between_two_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = '"' + "\r\n" * 20 + '"'
    path = _file(tmp_path, "a.csv", ("a,b\r\n" + f"{cell},x\r\n" * 9).encode())
    for size in range(60, 70):
        monkeypatch.setattr(csv_files, "READ_BYTES", size)
        assert _read(path) == ([(i, "\r\n" * 20, "x") for i in range(1, 10)], [])


BAD_JSON = {
    b'{"a": 1, "a": 2}': ("a", "invalid_json"),
    b'{"a": NaN}': ("a", "invalid_json"),
    b'{"a": -Infinity}': ("a", "invalid_json"),
    b'{"a": [1, NaN]}': ("a", "invalid_json"),
    b'{"a": {"k": 1}}': ("a", "unsupported_type"),
    b'{"a": [[1]]}': ("a", "unsupported_type"),
    b'{"a": "\xff"}': ("a", "invalid_utf8"),
    b'{"a": "\\udc00"}': ("a", "invalid_utf8"),
    b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}": ("", "invalid_json"),
    b'{"a": "x"': ("", "invalid_json"),
    b'{"a": "x"} {"a": "y"}': ("", "invalid_json"),
    b'[{"a": 1}]': ("", "invalid_json"),
    b"null": ("", "invalid_json"),
    b'{"a": "\x01"}': ("", "invalid_json"),
    b"{'a': 1}": ("", "invalid_json"),
}
GOOD_JSON = [
    b'{"a": "x", "other": NaN}',
    b'{"a": "x", "other": 1, "other": 2}',
    b'{"a": "x", "other": "\xff"}',
    b'{"a": "x", "other": {"k": [[1]]}}',
    b'{"a": "x", "other": ' + b"9" * 5000 + b"}",
    b'\t{ "a":"x" } \r',
]


@pytest.mark.parametrize("line", [*BAD_JSON, *GOOD_JSON], ids=lambda line: repr(line[:30]))
@pytest.mark.parametrize("neighbour", [b'{"a": "x"}', b'{"a": "x"}\nbroken'])
def test_a_json_line_is_judged_alike_in_any_company(
    tmp_path: Path, line: bytes, neighbour: bytes
) -> None:
    content = b'{"a": "x"}\n' * 300 + neighbour + b"\n\n" + line + b"\n"
    good, broken = _read(_file(tmp_path, "a.jsonl", content), ("a",))
    at = 302 + neighbour.count(b"\n")
    expected = [(at, *BAD_JSON[line])] if line in BAD_JSON else []
    assert [one for one in broken if one[0] == at] == expected
    assert {cells[1] for cells in good} == {"x"}
    assert len(good) + len(broken) == at


def test_an_array_in_a_file_is_rows_of_no_use(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.jsonl", b'[{"a": 1},\n {"a": 2}]\n')
    assert rows.check_columns(str(path), ["a"]) == []
    assert _read(path, ("a",)) == ([], [(1, "", "invalid_json"), (2, "", "invalid_json")])


def test_one_line_of_10_mb_is_a_row(tmp_path: Path) -> None:
    text = "x" * 10_000_000
    for name, content in (
        ("a.jsonl", f'{{"a": "{text}"}}\n{{"a": "y"}}\n'),
        ("a.csv", f'a\n"{text}"\ny\n'),
    ):
        good, broken = _read(_file(tmp_path, name, content.encode()), ("a",))
        assert ([len(cell) for _, cell in good], broken) == ([10_000_000, 1], [])


MOMENT = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
NAIVE = MOMENT.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([None, None]), [None, None]),
        (pa.array(["00123", "NA"]), ["00123", "NA"]),
        (pa.array([b"x", None], pa.large_binary()), ["x", None]),
        (pa.array(["x", None]).dictionary_encode(), ["x", None]),
        (pa.array([decimal.Decimal("1.10"), None]), ["1.10", None]),
        (
            pa.array([MOMENT, None], pa.timestamp("ms", "Asia/Tokyo")),
            ["2020-01-02 03:04:05Z", None],
        ),
        (pa.array([7, None], pa.uint8()), ["7", None]),
        (pa.array([0.5, float("nan")], pa.float16()), ["0.5", None]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_parquet_types_as_text(tmp_path: Path, array: pa.Array, text: list[Any]) -> None:
    pyarrow.parquet.write_table(pa.table({"a": array}), tmp_path / "a.parquet")
    (batch,) = rows.read(str(tmp_path / "a.parquet"), ["a"])
    typed, _, rejected = cast(batch.rows, [Field("a", "text")])
    assert (typed["a"].to_pylist(), rejected) == (text, [])


def test_int96_is_a_timestamp(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"a": pa.array([NAIVE], pa.timestamp("ns"))})
    pyarrow.parquet.write_table(table, path, use_deprecated_int96_timestamps=True)
    (batch,) = rows.read(str(path), ["a"])
    typed, _, _ = cast(batch.rows, [Field("a", "number")])
    assert typed["a"].to_pylist() == [pa.scalar(MOMENT.timestamp(), pa.float32()).as_py()]


def test_a_parquet_file_may_have_no_rows_and_empty_row_groups(tmp_path: Path) -> None:
    path, schema = tmp_path / "a.parquet", pa.schema([("a", pa.string())])
    with pyarrow.parquet.ParquetWriter(path, schema) as file:
        for cells in ([], ["x"], []):
            file.write_table(pa.table({"a": cells}, schema=schema))
    assert _read(path, ("a",)) == ([(1, "x")], [])
    pyarrow.parquet.write_table(schema.empty_table(), path)
    assert _read(path, ("a",)) == ([], [])


@pytest.mark.parametrize(
    "size", [0, 3, 200, -1], ids=["empty", "3 bytes", "200 bytes", "all but 1"]
)
def test_a_cut_parquet_file_is_damaged(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [str(i) for i in range(500)]}), path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(Failure, match=r"a\.parquet is damaged") as failure:
        _read(path, ("a",))
    assert failure.value.exit_code == Exit.INTEGRITY


class _OpenSafe(pyarrow.parquet.encryption.KmsClient):
    """Keeps keys by writing them down."""

    def __init__(self, config: Any) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, name: str) -> bytes:
        return base64.b64encode(key)


@pytest.mark.parametrize("plain_footer", [True, False])
def test_an_encrypted_parquet_file_is_said_to_be(tmp_path: Path, plain_footer: bool) -> None:
    encryption = pyarrow.parquet.encryption
    safe = encryption.CryptoFactory(_OpenSafe)
    locks = encryption.EncryptionConfiguration(
        footer_key="footer", column_keys={"column": ["a"]}, plaintext_footer=plain_footer
    )
    keys = safe.file_encryption_properties(encryption.KmsConnectionConfig(), locks)
    table, path = pa.table({"a": ["x"], "b": ["y"]}), tmp_path / "a.parquet"
    with pyarrow.parquet.ParquetWriter(path, table.schema, encryption_properties=keys) as file:
        file.write_table(table)
    with pytest.raises(Failure, match=r"a\.parquet is encrypted") as failure:
        _read(path)
    assert failure.value.exit_code == Exit.INTEGRITY
    if plain_footer:
        assert _read(path, ("b",)) == ([(1, "y")], [])


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5])
def test_a_flipped_bit_in_a_page_is_found_where_there_are_checksums(
    tmp_path: Path, place: float
) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"a": [str(i * 7919) for i in range(2000)]})
    pyarrow.parquet.write_table(table, path, write_page_checksum=True, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 4
    path.write_bytes(content)
    with pytest.raises(Failure, match="damaged"):
        _read(path, ("a",))


def test_a_good_file_that_arrow_cannot_read_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "good.parquet"
    lists = pa.array([[1, 2], None], pa.list_(pa.int32(), 2))
    pyarrow.parquet.write_table(pa.table({"v": lists}), path)
    with pytest.raises(Failure, match=r"what pyarrow .* write a column of lists") as failure:
        list(rows.read(str(path), ["v"]))
    assert failure.value.exit_code == Exit.USAGE
    assert "damaged" not in str(failure.value)


def test_names_that_look_alike_are_told_apart(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    path = tmp_path / "mac.csv"
    path.write_text(f"{apart},y\n1,a\n", encoding="utf-8")
    said = f"near '{composed}': '{apart}' (the same in another Unicode form, NFC or NFD)"
    for check in (rows.check_columns, lambda *given: list(rows.read(*given))):
        with pytest.raises(Failure, match=re.escape(said)):
            check(str(path), [composed])
