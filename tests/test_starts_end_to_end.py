"""Tables that start with vectors from a file, through all stages, and vectors that go out again."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, words

from pipeline import prepare, vectors
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.folders.run import RunFolder
from pipeline.spec.file import parse_spec
from serving import report
from serving.model_file.embeddings import Embeddings
from serving.vectors import run as write_vectors
from serving.vectors import write
from trainer import task

SPEC = """
name: starts
vocabularies: {item: {}, place: {}}
shared: {common: {layers: [{units: 5}]}}
inputs:
  item: {kind: category, vocabulary: item, embedding: 3, through: common}
  before: {kind: sequence, vocabulary: item, length: 2, embedding: 3, through: common}
  place: {kind: category, vocabulary: place, embedding: 2, table: where}
tables:
  item: {vectors: ITEMS, frozen: FROZEN}
heads:
  next: {kind: classification, vocabulary: item}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 2, batch_size: 32}
"""
STARTS: dict[str, list[float]] = {
    "a": [1, 2, 3],
    "b": [-1, 0.1, 1 / 3],
    "d": [0, 5e-5, 7],
    "of no row": [9, 9, 9],
}


def rows() -> pa.Table:
    """`a` in half of the cells, `b` in a fourth, `c` and `d` in an eighth each."""
    items = np.array(list("aaaabbcd"))
    draw = np.random.default_rng(2)
    item, before, after = (items[draw.permutation(400) % 8].tolist() for _ in range(3))
    place = ["here", "there"] * 200
    columns = {"item": item, "before": before, "place": place, "next": after}
    return pa.table({"row": [str(at) for at in range(400)], **columns})


def spec_of(folder: Path, *, frozen: bool) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "items.vec"
    lines = [f"{value} {' '.join(map(str, row))}\n" for value, row in STARTS.items()]
    path.write_text("".join(lines))
    return SPEC.replace("ITEMS", str(path)).replace("FROZEN", str(frozen).lower())


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    return through_all_stages(parse_spec(spec_of(folder, frozen=True)), rows(), folder / "out")


def table_of(run: Path, name: str) -> np.ndarray:
    model = keras.saving.load_model(RunFolder(run).keras_model, compile=False)
    found: np.ndarray = model.get_layer(f"table.{name}").get_weights()[0]
    return found


def test_a_frozen_table_ends_as_it_started(frozen: Path) -> None:
    known = list(DataFolder(frozen / "data").vocabulary("item"))
    table = table_of(frozen / "run", "item")
    for value in "abd":
        expected = np.array(STARTS[value], np.float32)
        np.testing.assert_array_equal(table[known.index(value)], expected)
    # What has no vector is as long as that of any other table at the start.
    assert 0.1 < np.linalg.norm(table[known.index("c")]) < 4


def test_a_frozen_table_is_told_apart_in_the_run(frozen: Path) -> None:
    weights = RunFolder(frozen / "run").manifest.facts["weights"]
    assert [list(own.values()) for own in (weights["frozen"], weights["tables"])] == [
        [[6, 3]],
        [[4, 2]],
    ]


def test_the_share_that_has_a_vector_is_told_everywhere(frozen: Path, tmp_path: Path) -> None:
    data = DataFolder(frozen / "data")
    counts = data.vocabulary("item")
    share = 1 - counts["c"] / sum(counts.values())
    said = {"item": {"values": 4, "found": 3, "occurrences": pytest.approx(share)}}
    assert data.statistics.vectors == said
    assert read_json(frozen / "run" / "metrics.json")["vectors"] == said
    card = (frozen / "model" / "README.md").read_text(encoding="utf-8")
    assert "for 3 of its 4 values, and is frozen" in card
    model = frozen / "model" / "model.onnx"
    of_run = words("--run", frozen / "run", "--model", model)
    report.run([*of_run, *words("--output", tmp_path / "report.html")])
    assert "Tables that start with vectors" in (tmp_path / "report.html").read_text()


def test_the_run_needs_nothing_but_the_data_folder(frozen: Path, tmp_path: Path) -> None:
    shutil.copytree(frozen / "data", tmp_path / "data")
    (frozen.parent / "items.vec").rename(tmp_path / "away")
    try:
        task.run(words("--data", tmp_path / "data", "--output", tmp_path / "run"))
    finally:
        (tmp_path / "away").rename(frozen.parent / "items.vec")
    again, first = (table_of(folder / "run", "item") for folder in (tmp_path, frozen))
    np.testing.assert_array_equal(again, first)


def test_other_vectors_make_other_data(frozen: Path) -> None:
    path = frozen.parent / "items.vec"
    spec, table = frozen / "spec.json", frozen / "rows.parquet"
    again = words("--spec", spec, "--input", table, "--output", frozen / "data")
    prepare.run(again)
    said = path.read_text()
    path.write_text(said.replace("9", "8"))
    try:
        with pytest.raises(Failure, match="--force replaces it"):
            prepare.run(again)
    finally:
        path.write_text(said)


@pytest.mark.parametrize("form", ["learned.vec", "learned.vec.gz", "learned.parquet"])
def test_what_goes_out_comes_in_as_it_was(frozen: Path, form: str, tmp_path: Path) -> None:
    of_run = words("--run", frozen / "run", "--table", "item")
    write_vectors([*of_run, *words("--output", tmp_path / form)])
    known = list(DataFolder(frozen / "data").vocabulary("item"))
    places, found = vectors.read(str(tmp_path / form), known)
    assert places.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found, table_of(frozen / "run", "item")[:4])


def test_the_file_alone_gives_a_table_without_a_block(frozen: Path, tmp_path: Path) -> None:
    model, path = frozen / "model" / "model.onnx", tmp_path / "place.vec"
    write_vectors(words("--model", model, "--input", "place", "--output", path))
    _, found = vectors.read(str(path), list(DataFolder(frozen / "data").vocabulary("place")))
    np.testing.assert_array_equal(found, table_of(frozen / "run", "where")[:2])


def test_a_value_with_a_space_goes_to_parquet_only(tmp_path: Path) -> None:
    space = Embeddings(["a b"], np.ones((1, 2), np.float32))
    with pytest.raises(Failure, match=r"one word, without spaces; take .parquet. Received: 'a b'"):
        write(space, tmp_path / "x.vec")
    write(space, tmp_path / "x.parquet")
    assert vectors.read(str(tmp_path / "x.parquet"), ["a b"])[1].tolist() == [[1, 1]]


def test_labels_go_out_too(frozen: Path, tmp_path: Path) -> None:
    model, path = frozen / "model" / "model.onnx", tmp_path / "labels.parquet"
    write_vectors(words("--model", model, "--head", "next", "--output", path))
    table = pq.read_table(path)
    assert table.column_names == ["value", "vector"]
    assert table["value"].to_pylist() == list(DataFolder(frozen / "data").vocabulary("item"))


def test_a_table_learns_on_unless_it_is_frozen(tmp_path: Path) -> None:
    spec = parse_spec(spec_of(tmp_path, frozen=False))
    out = through_all_stages(spec, rows(), tmp_path / "out")
    known = list(DataFolder(out / "data").vocabulary("item"))
    table = table_of(out / "run", "item")
    moved = np.abs(table[[known.index(value) for value in "abd"]] - [STARTS[v] for v in "abd"])
    assert (moved.max(axis=1) > 1e-6).all()
    assert moved.max() < 0.5
    assert "frozen" not in RunFolder(out / "run").manifest.facts["weights"]


def test_a_table_is_as_wide_as_its_vectors(tmp_path: Path) -> None:
    said = spec_of(tmp_path, frozen=True).replace("embedding: 3", "embedding: 4")
    spec, table = tmp_path / "spec.yaml", tmp_path / "rows.parquet"
    spec.write_text(said)
    pq.write_table(rows(), table)
    with pytest.raises(Failure, match=r"table 'item' must be 3, .*Received: 4") as failure:
        prepare.run(words("--spec", spec, "--input", table, "--output", tmp_path / "data"))
    assert failure.value.exit_code == Exit.USAGE


def test_training_cannot_change_the_width(frozen: Path, tmp_path: Path) -> None:
    wider = [f"--set=inputs.{name}.embedding=4" for name in ("item", "before")]
    with pytest.raises(Failure, match=r"table 'item' must be 3, .*Received: 4"):
        task.run([*words("--data", frozen / "data", "--output", tmp_path / "run"), *wider])


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("tables:\n  item:", "tables:\n  items:", "tables.items: no table of an input"),
        ("embedding: 3, through: common}\n  b", "through: common}\n  b", "width of the vectors"),
        ("vectors: ITEMS, ", "", "tables.item: give `vectors`"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(old: str, new: str, rule: str) -> None:
    said = SPEC.replace(old, new).replace("FROZEN", "true").replace("embedding: 3", "embedding: 50")
    with pytest.raises(Failure, match=rule):
        parse_spec(said)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (["--input", "item", "--output", "x.csv"], "written to .vec, .vec.gz or .parquet"),
        (["--input", "item", "--output", "none/x.vec"], "in a folder that exists"),
        (["--input", "no", "--output", "x.vec"], "--input must be one that looks values up"),
    ],
)
def test_what_cannot_be_written_is_refused(frozen: Path, more: list[str], rule: str) -> None:
    with pytest.raises(Failure, match=rule) as failure:
        write_vectors([*words("--model", frozen / "model" / "model.onnx"), *more])
    assert failure.value.exit_code == Exit.USAGE
