"""The rows of the demo, and its table of predictions."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples.next_identifier import demo, rows
from pipeline.failures import Exit, Failure
from pipeline.spec.file import read_spec

SOURCE = '''
def area(width, height=1.50):  # of a rectangle
    """Width times height."""
    return max(0,
               width) * height
'''.lstrip()


def table_of(source: str) -> pa.Table:
    return pa.Table.from_batches([rows.rows_of_source(source, "shapes.flat", "shapes")])


def test_every_identifier_is_a_row_and_no_keyword_is() -> None:
    found = table_of(SOURCE)["identifier"].to_pylist()
    assert found == ["area", "width", "height", "max", "width", "height"]


def test_a_row_holds_exactly_what_stands_there() -> None:
    assert table_of(SOURCE).slice(4, 1).to_pylist() == [
        {
            "tokens": [
                *(":", "<newline>", "<indent>", "<string>", "<newline>"),
                *("return", "max", "(", "0", ","),
            ],
            "package": "shapes",
            "module": "shapes.flat",
            "line": 4,
            "column": 15,
            "depth": 2,
            "identifier": "width",
            "next_kind": ")",
            "line_ends": False,
            "characters_left": 10,
        }
    ]


def test_the_first_row_has_only_the_tokens_that_there_are() -> None:
    assert table_of(SOURCE)["tokens"][0].as_py() == ["def"]


def test_a_comment_does_not_keep_a_line_from_ending() -> None:
    found = table_of("total = (one +  # first\n         two)\nlast = total  # done\n").to_pylist()
    ends = {row["identifier"]: row["line_ends"] for row in found}
    assert ends == {"total": True, "one": False, "two": False, "last": False}
    assert found[-1]["characters_left"] == len("  # done")


@pytest.mark.parametrize(
    ("source", "kind"),
    [("x = 1", "="), ("x if y else z", "keyword"), ("x", "newline"), ("x @ y", "operator")],
)
def test_the_kind_of_the_next_token(source: str, kind: str) -> None:
    assert table_of(source)["next_kind"][0].as_py() == kind


def test_columns_count_characters_not_bytes() -> None:
    row = table_of("größe = übrig\n").to_pylist()[1]
    assert (row["column"], row["characters_left"]) == (8, 0)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Forty modules of ten rows each, one that does not parse, and one that was installed."""
    root = tmp_path / "library"
    for package in ("left", "right"):
        (root / package).mkdir(parents=True)
        for number in range(20):
            body = "\n".join(f"name_{line} = {number}" for line in range(10))
            (root / package / f"module_{number}.py").write_text(body)
    (root / "broken.py").write_text("def (:\n  '")
    (root / "site-packages").mkdir()
    (root / "site-packages" / "stranger.py").write_text("stranger = 1")
    return root


def written(folder: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet")))


def test_new_rows_are_of_modules_that_are_nowhere_else(library: Path, tmp_path: Path) -> None:
    rows.make(tmp_path / "out", None, seed=1, root=library)
    table, new = written(tmp_path / "out" / "rows"), written(tmp_path / "out" / "new")
    assert (table.num_rows, new.num_rows) == (390, 10)
    assert not set(table["module"].to_pylist()) & set(new["module"].to_pylist())


def test_all_rows_are_there_once(library: Path, tmp_path: Path) -> None:
    rows.make(tmp_path / "out", None, seed=1, root=library)
    both = pa.concat_tables([written(tmp_path / "out" / side) for side in ("rows", "new")])
    keys = {tuple(key.values()) for key in both.select(["module", "line", "column"]).to_pylist()}
    assert len(keys) == both.num_rows == 400
    assert "stranger" not in both["identifier"].to_pylist()


def test_as_many_rows_are_drawn_as_asked_for_and_from_everywhere(
    library: Path, tmp_path: Path
) -> None:
    rows.make(tmp_path / "out", 200, seed=1, root=library)
    table, new = written(tmp_path / "out" / "rows"), written(tmp_path / "out" / "new")
    assert (table.num_rows, new.num_rows) == (200, 4)
    assert len(table["module"].unique()) == 39


def test_files_that_do_not_parse_are_counted(library: Path, tmp_path: Path) -> None:
    made = rows.make(tmp_path / "out", None, seed=1, root=library)
    assert made.unreadable == 1
    assert str(made).startswith("390 rows and 10 new ones of 40 modules with 10 different")


def test_the_seed_decides_which_rows(library: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        rows.make(tmp_path / name, 100, seed=seed, root=library)
    first, again, other = (written(tmp_path / n / "rows") for n in ("first", "again", "other"))
    assert first.equals(again)
    assert not first.equals(other)


def test_rows_that_are_there_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    with pytest.raises(Failure) as failure:
        rows.make(tmp_path, 10, seed=1)
    assert failure.value.exit_code == Exit.OCCUPIED


def test_a_python_without_its_sources_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Failure) as failure:
        rows.make(tmp_path / "out", 10, seed=1, root=tmp_path / "empty")
    assert failure.value.exit_code == Exit.ENVIRONMENT
    assert not (tmp_path / "out" / "rows").exists()


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "1e6"])
def test_a_wrong_number_of_rows_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="positive, or all"):
        rows.wanted_rows(text)


def test_the_spec_reads_columns_that_the_rows_have() -> None:
    spec = read_spec(demo.SPEC)
    columns = {c for n in spec.inputs for c in spec.input_columns(n)} | {
        spec.head_column(n) for n in spec.heads
    }
    assert columns | set(spec.keys) == set(rows.SCHEMA.names)


def test_the_table_has_a_line_for_each_row_and_marks_the_right_answer() -> None:
    scored = {
        "tokens": ["import"],
        "identifier": "os",
        "identifier.labels": ["sys", "os"],
        "identifier.scores": [0.5, 0.25],
    }
    lines = demo.table([scored]).splitlines()
    assert lines[1].split() == ["import", "os", "sys", "50", "%", "[os]", "25", "%"]


@pytest.mark.parametrize("count", [1, 5, 12, 13, 100])
def test_no_more_than_asked_are_shown_and_they_are_spread(count: int) -> None:
    shown = demo.spread(range(count), 12)
    assert shown[0] == 0
    assert min(count, 7) <= len(shown) <= 12
