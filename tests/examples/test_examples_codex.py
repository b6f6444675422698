"""CoDEx-M as rows: every triple asks twice, and no answer of one side is told by another."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.codex import filtered_ranks
from examples.codex import rows
from pipeline.failures import Exit, Failure
from pipeline.spec.file import read_spec

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "codex-m.tar.xz"
SPEC = Path(rows.__file__).with_name("spec.yaml")
FILES = {
    "train.txt": "Q1\tP1\tQ2\nQ3\tP1\tQ2\n",
    "valid.txt": "Q1\tP2\tQ3\n",
    "test.txt": "Q2\tP2\tQ1\n",
    "entity2types.json": json.dumps({"Q1": ["T1", "T2"], "Q2": ["T1"]}),
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "codex-m.tar.xz"
    with tarfile.open(path, "w:xz") as tar:
        for name, text in FILES.items():
            member = tarfile.TarInfo(f"codex-m/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_a_triple_asks_for_its_tail_and_for_its_head(archive: Path) -> None:
    table = rows.table_of(rows.read_graph(archive)).to_pylist()
    first = {"side": "train", "types": ["T1", "T2"], "entity": "Q1", "relation": "P1"}
    second = {"side": "train", "types": ["T1"], "entity": "Q2", "relation": "inverse of P1"}
    assert table[:2] == [first | {"answer": "Q2"}, second | {"answer": "Q1"}]
    assert [row["side"] for row in table] == ["train"] * 4 + ["eval"] * 2 + ["test"] * 2


def test_an_entity_without_types_has_none(archive: Path) -> None:
    table = rows.table_of(rows.read_graph(archive)).to_pylist()
    assert [row["types"] for row in table if row["entity"] == "Q3"] == [[], []]


def test_the_spec_reads_columns_that_the_rows_have(archive: Path, tmp_path: Path) -> None:
    rows.run(["--archive", str(archive), "--output", str(tmp_path / "rows")])
    spec = read_spec(SPEC)
    columns = set(pq.read_schema(tmp_path / "rows" / "codex.parquet").names)
    named = {c for n in spec.inputs for c in spec.input_columns(n)} | {
        spec.head_column(n) for n in spec.heads
    }
    assert named | set(spec.keys) <= columns


def test_no_archive_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="--archive") as caught:
        rows.run(["--archive", str(tmp_path / "none"), "--output", str(tmp_path)])
    assert caught.value.exit_code == Exit.USAGE


def test_other_known_answers_do_not_push_the_answer_down() -> None:
    scores = np.array([[4.0, 3.0, 2.0, 2.0], [1.0, 1.0, 5.0, 0.0]], np.float32)
    ranks = filtered_ranks(scores, np.array([2, 2]), [[0], []])
    # Behind entity 1 only, and level with entity 3; then first.
    np.testing.assert_array_equal(ranks, [2.5, 1])


def test_the_real_archive_has_every_triple_twice() -> None:
    if not ARCHIVE.is_file():
        pytest.skip("the archive is not here: ../shared/data/codex-m.tar.xz")
    graph = rows.read_graph(ARCHIVE)
    assert {side: len(t) for side, t in graph.triples.items()} == {
        "train": 185_584,
        "eval": 10_310,
        "test": 10_311,
    }
    table = rows.table_of(graph)
    assert table.num_rows == 2 * (185_584 + 10_310 + 10_311)
    assert len(set(table["entity"].to_pylist())) == 17_050
