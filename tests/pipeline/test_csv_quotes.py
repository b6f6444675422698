"""No row vanishes in a cell: quotes that are not closed, backslashes, texts with line ends."""

import csv
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import drift, prepare, rows
from pipeline.failures import Exit, Failure
from pipeline.rows import csv_files
from pipeline.rows.csv_dialect import AS_FOUND, Csv

COLUMNS = ["k", "c", "y"]
ESCAPED = Csv(escape=True)
SPEC = """
name: t
keys: [k]
vocabularies: {c: {size: 50}, y: {size: 50}}
inputs: {c: {kind: category, vocabulary: c, embedding: 4}}
heads: {y: {kind: classification, vocabulary: y}}
split: {by: hash, columns: [k]}
"""


def _write(path: Path, cells: list[str]) -> str:
    lines = (f"k{i},{cell},{'uv'[i % 2]}\n" for i, cell in enumerate(cells))
    path.write_text("k,c,y\n" + "".join(lines))
    return str(path)


def _read(
    path: str, columns: list[str] = COLUMNS, how: Csv = AS_FOUND, part: rows.Span = None
) -> tuple[dict[int, Any], dict[int, str]]:
    """The cells of the good rows by their number, and the reasons of the others."""
    good: dict[int, Any] = {}
    bad: dict[int, str] = {}
    for batch in rows.read(path, columns, 1000, part, how):
        good.update(zip(batch.numbers().tolist(), map(tuple, _cells(batch)), strict=True))
        bad.update({one.row: one.reason for one in batch.broken})
    return good, bad


def _cells(batch: Any) -> Any:
    return zip(*(column.to_pylist() for column in batch.rows.columns), strict=True)


def _both(path: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[int, Any], dict[int, str]]:
    """What the whole file has, and so have its parts."""
    whole = _read(path)
    monkeypatch.setattr(csv_files, "PART_BYTES", 3000)
    monkeypatch.setattr(csv_files, "READ_BYTES", 700)
    parts = [_read(path, part=part) for part in rows.parts(path)]
    assert len(parts) > 2 or min(whole[1]) < 10  # a quote that is open to the end leaves no place
    assert {k: v for good, _ in parts for k, v in good.items()} == whole[0]
    assert {k: v for _, bad in parts for k, v in bad.items()} == whole[1]
    return whole


@pytest.mark.parametrize("at", [(1900,), (1000, 1900), (0,), (1999,), (5, 6, 7)])
def test_a_quote_that_is_not_closed_takes_its_own_row_only(
    at: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / "a.csv", ['"17 inch' if i in at else "pc" for i in range(2000)])
    good, bad = _both(path, monkeypatch)
    assert bad == {i + 1: "unclosed_quote" for i in at}
    assert len(good) == 2000 - len(at)
    # The column with the quote need not be one that is read.
    assert _read(path, ["y"])[1] == bad


def test_a_quote_that_another_one_closes_at_the_end_of_a_cell_hides_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To RFC 4180 this is one good cell: that each of its lines is a row tells it."""
    cells = ['"17 inch' if i == 1000 else '19"' if i == 1900 else "pc" for i in range(2000)]
    good, bad = _both(_write(tmp_path / "a.csv", cells), monkeypatch)
    assert bad == {1001: "unclosed_quote"}
    assert good[1901] == ("k1900", '19"', "u")
    assert len(good) == 1999


def test_where_a_text_may_be_rows_and_may_not_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.csv"
    path.write_text('k,c\n1,"Hello there\nHow are you, Bob"\n2,x\n')
    with caplog.at_level(logging.WARNING):
        assert _read(str(path), ["k", "c"]) == (
            {1: ("1", "Hello there\nHow are you, Bob"), 2: ("2", "x")},
            {},
        )
    assert "may be rows behind a quote that is not closed" in caplog.text


def test_rows_behind_a_quote_are_counted_where_there_is_one_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('c\na\n"b\nc\nd\n')
    assert _read(str(path), ["c"]) == ({1: ("a",)}, dict.fromkeys((2, 3, 4), "unclosed_quote"))


def test_a_text_that_the_end_of_the_file_cuts_is_one_broken_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('k,c,y\n1,x,u\n2,"Dear all,\nthis is\na text\nand')
    assert _read(str(path)) == ({1: ("1", "x", "u")}, {2: "unclosed_quote"})


def test_a_quote_that_is_not_closed_in_many_megabytes(tmp_path: Path) -> None:
    count = 1_300_000
    path = _write(tmp_path / "a.csv", ['"17 inch' if i == 9 else "a pc" for i in range(count)])
    good = 0
    for batch in rows.read(path, COLUMNS):
        good += batch.rows.num_rows
        assert [one.row for one in batch.broken] in ([], [10])
    assert good == count - 1


SPARK = [
    r'"17\""' if i % 40 == 0 else r'"say \"hi, you\""' if i % 40 == 9 else "pc" for i in range(400)
]


def test_backslashes_are_read_with_csv_escape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / "a.csv", [*SPARK, r"\N", r'"a\\"', '"x\ny"', r'"p\,q"', '"\\\nz"'])
    good, bad = _read(path, how=ESCAPED)
    assert (len(good), bad) == (405, {})
    cells = [good[at][1] for at in (1, 10, 2, 401, 402, 403, 404, 405)]
    assert cells == ['17"', 'say "hi, you"', "pc", None, "a\\", "x\ny", "p,q", "\nz"]
    monkeypatch.setattr(csv_files, "PART_BYTES", 500)
    monkeypatch.setattr(csv_files, "READ_BYTES", 100)
    parts = [_read(path, how=ESCAPED, part=part)[0] for part in rows.parts(path, ESCAPED)]
    assert len(parts) > 3
    assert {k: v for part in parts for k, v in part.items()} == good


def test_without_it_few_are_rejected_and_many_end_the_run(tmp_path: Path) -> None:
    good, bad = _read(_write(tmp_path / "a.csv", SPARK[:99]))
    assert bad == dict.fromkeys((1, 10, 41, 50, 81, 90), "backslash_quote")
    assert len(good) == 99 - 6
    with pytest.raises(Failure, match=r"--csv-escape.*Received: row 1?\d\d") as failure:
        _read(_write(tmp_path / "b.csv", SPARK))
    assert failure.value.exit_code == Exit.USAGE


_TEXT = st.text(st.sampled_from('ab ,"\n\\;'), max_size=6)


@settings(max_examples=80, deadline=None)
@given(table=st.lists(st.tuples(_TEXT, _TEXT, _TEXT), min_size=1, max_size=12))
def test_what_the_csv_module_writes_is_read_or_told(
    table: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With two quotes for one every row is right; a text of rows may be set aside, row by row."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *table])
    path.write_text(text.getvalue())
    good, bad = _read(str(path))
    if not bad:
        assert [tuple(cell or "" for cell in row) for row in good.values()] == table
    assert len(good) + len(bad) >= len(table)


@settings(max_examples=80, deadline=None)
@given(
    broken=st.lists(st.booleans(), min_size=1, max_size=40),
    cells=st.lists(st.sampled_from(["a", "", '""', '"a,b"', '3" x', '"d""e"']), min_size=3),
    size=st.sampled_from([7, 30, 1 << 20]),
)
def test_exactly_the_rows_with_a_stray_quote_are_rejected(
    broken: list[bool],
    cells: list[str],
    size: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    at = tmp_path_factory.mktemp("csv") / "a.csv"
    path = _write(at, ['"x' if bad else cells[i % len(cells)] for i, bad in enumerate(broken)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "READ_BYTES", size)
        good, bad = _read(path)
    assert sorted(bad) == [row for row, is_broken in enumerate(broken, 1) if is_broken]
    assert [good[row][0] for row in good] == [f"k{row - 1}" for row in good]
    assert len(good) + len(bad) == len(broken)


def test_prepare_and_drift_count_every_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text(SPEC)
    path = _write(tmp_path / "a.csv", ['"17 inch' if i == 190 else "pc" for i in range(400)])
    options = ["--spec", str(tmp_path / "s.yaml"), "--input", path]
    prepare.run([*options, "--output", str(tmp_path / "out")])
    said = json.loads((tmp_path / "out" / "statistics.json").read_text())["files"][path]
    assert said == {"read": 400, "written": 399, "rejected": 1}
    (rejected,) = (tmp_path / "out" / "rejected").iterdir()
    assert json.loads(rejected.read_text()) == {
        "file": path,
        "row": 191,
        "column": "",
        "reason": "unclosed_quote",
        "text": 'k190,"17 inch,u',
    }
    drift.run(["--data", str(tmp_path / "out"), "--input", path])
    assert "400 rows" in capsys.readouterr().out


def test_prepare_drift_and_infer_take_csv_escape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text(SPEC)
    path, out = _write(tmp_path / "a.csv", SPARK), str(tmp_path / "out")
    options = ["--spec", str(tmp_path / "s.yaml"), "--input", path, "--output", out]
    for command, arguments in (
        (prepare.run, options),
        (prepare.run, ["--infer", path]),
    ):
        with pytest.raises(Failure, match="--csv-escape"):
            command(arguments)
        command([*arguments, "--csv-escape"])
    with pytest.raises(Failure, match="other inputs"):
        prepare.run([*options, "--csv-escape", "--delimiter", ","])
    values = (tmp_path / "out" / "vocabulary" / "c.jsonl").read_text()
    assert json.dumps('17"') in values
    with pytest.raises(Failure, match="--csv-escape"):
        drift.run(["--data", out, "--input", path])
    drift.run(["--data", out, "--input", path, "--csv-escape"])


@pytest.mark.parametrize("longest", [20, 3_000])
def test_blocks_are_read_into_the_same_memory_and_no_row_is_touched_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: int
) -> None:
    monkeypatch.setattr(csv_files, "READ_BYTES", 256)
    texts = [f"{at}" + "x" * (at * 37 % longest) for at in range(900)]
    quoted = [f'"{text}\n{text}"' if at % 5 == 4 else text for at, text in enumerate(texts)]
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "".join(f"{at},{text}\n" for at, text in enumerate(quoted)))
    read, memories = csv_files._Blocks.read, list[bytearray]()

    def noted(blocks: Any) -> bool:
        goes_on = read(blocks)
        if not any(blocks.memory is one for one in memories):
            memories.append(blocks.memory)
        return goes_on

    monkeypatch.setattr(csv_files._Blocks, "read", noted)
    batches = list(rows.read(str(path), ["b"]))
    found = [text for batch in batches for text in batch.rows.column("b").to_pylist()]
    assert found == [text.strip('"') for text in quoted]
    # It grows to some multiple of the longest row, each time at least by half.
    assert len(memories) <= (2 if longest < 256 else 8)
