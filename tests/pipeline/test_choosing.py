"""`memory: auto`: prepare finds what the labels hang on, says so, and writes it into the spec."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline import prepare
from pipeline.fields import fields_of
from pipeline.folders.data import DataFolder
from pipeline.preparing import choosing, even_sample
from pipeline.preparing.reading import ReadTrainingRows
from pipeline.rows.csv_dialect import AS_FOUND
from pipeline.spec.file import parse_spec
from trainer.task import chosen_spec

SPEC = """
name: chosen
vocabularies: {maker: {}, month: {}, colour: {}, word: {}, product: {}}
inputs:
  maker: {kind: category, vocabulary: maker}
  month: {kind: category, vocabulary: month}
  colour: {kind: category, vocabulary: colour}
  words: {kind: sequence, vocabulary: word, length: 4}
heads: {product: {kind: classification, vocabulary: product}}
memory: auto
split: {by: hash, columns: [maker, row]}
"""
ROWS = 4000


def write(path: Path, *, by: str) -> str:
    """Rows whose products follow from `by`, nine times in ten."""
    draw = np.random.default_rng(3)
    maker, month, colour = (draw.integers(0, count, ROWS) for count in (20, 12, 5))
    words = draw.integers(0, 30, (ROWS, 4))
    follows = {
        "pair": maker * 12 + month,
        "three": (maker % 2 * 12 + month) * 3 + colour % 3,
        "last": words[:, -1] * 7,
        "nothing": 0 * maker,
        "many": month % 2 * 120 + draw.integers(0, 120, ROWS),
    }[by]
    product = np.where(draw.random(ROWS) < 0.9, follows, draw.integers(0, 240, ROWS))
    columns = {
        "maker": maker.astype(str),
        "month": month.astype(str),
        "colour": colour.astype(str),
        "words": [" ".join(row) for row in words.astype(str).tolist()],
        "product": np.char.add("p", product.astype(str)),
        "row": np.arange(ROWS).astype(str),
    }
    pyarrow.parquet.write_table(pa.table(columns), path)
    return str(path)


def write_orders(path: Path) -> str:
    """Orders of five rows with the same product, one of five that the maker has; the last fifth of
    the orders is eval."""
    draw = np.random.default_rng(3)
    order = np.arange(ROWS) // 5
    maker, of_maker = draw.integers(0, 20, ROWS // 5), draw.integers(0, 5, ROWS // 5)
    columns = {
        "maker": maker[order].astype(str),
        "month": np.char.add("o", order.astype(str)),
        "colour": draw.integers(0, 5, ROWS).astype(str),
        "words": draw.choice(["a", "b", "c"], ROWS),
        "product": np.char.add("p", (maker * 5 + of_maker)[order].astype(str)),
        "row": np.arange(ROWS).astype(str),
        "side": np.where(order < 0.8 * ROWS / 5, "train", "eval"),
    }
    pyarrow.parquet.write_table(pa.table(columns), path)
    return str(path)


def prepared(folder: Path, *, by: str) -> DataFolder:
    rows = write(folder / "rows.parquet", by=by)
    prepare.prepare(parse_spec(SPEC), [rows], folder / "data")
    return DataFolder(folder / "data").verified()


@pytest.mark.parametrize(("by", "first"), [("pair", ("maker", "month")), ("last", ("words.last",))])
def test_what_the_labels_follow_from_is_asked_first(
    by: str, first: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("pipeline").propagate = True
    with caplog.at_level(logging.INFO, "pipeline.prepare"):
        data = prepared(tmp_path, by=by)
    names = data.spec.heads["product"].memories()
    assert data.spec.memories[names[0]].of == first
    assert len(data.memory(names[0], "product").keys) == (240 if by == "pair" else 30)
    said = next(text for text in caplog.messages if text.startswith("memory: product"))
    assert f"\n  {names[0]}: " in said


def test_three_inputs_together_are_found_by_way_of_two(tmp_path: Path) -> None:
    data = prepared(tmp_path, by="three")
    first = data.spec.heads["product"].memories()[0]
    assert data.spec.memories[first].of == ("maker", "month", "colour")


def test_values_that_rows_to_come_do_not_have_are_not_counted_by(tmp_path: Path) -> None:
    """Other rows of the same order say all of a row, and nothing of the orders to come."""
    rows, found = write_orders(tmp_path / "rows.parquet"), {}
    for split in ("{by: hash, columns: [row]}", "{by: column, column: side, eval: [eval]}"):
        spec = parse_spec(SPEC.replace("{by: hash, columns: [maker, row]}", split))
        prepare.prepare(spec, [rows], tmp_path / split[5:9])
        chosen = DataFolder(tmp_path / split[5:9]).verified().spec
        found[split[5:9]] = [
            chosen.memories[name].of for name in chosen.heads["product"].memories()
        ]
    assert "month" in found["hash"][0]
    assert "maker" in found["colu"][0]
    assert not any("month" in of for of in found["colu"])


def test_averages_by_three_inputs_together_are_found(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.parquet", by="three")
    table = pyarrow.parquet.read_table(rows)
    maker, month, colour = (
        table.column(name).to_numpy().astype(int) % 2 for name in ("maker", "month", "colour")
    )
    price = pa.array((maker * month * colour).astype(float))
    pyarrow.parquet.write_table(table.append_column("price", price), rows)
    heads = "heads: {price: {kind: regression}}"
    spec = parse_spec(
        SPEC.replace("heads: {product: {kind: classification, vocabulary: product}}", heads)
        .replace(", product: {}", "")
        .replace("  words: {kind: sequence, vocabulary: word, length: 4}\n", "")
        .replace(", word: {}", "")
    )
    prepare.prepare(spec, [rows], tmp_path / "data")
    chosen = DataFolder(tmp_path / "data").verified().spec
    first = chosen.heads["price"].memories()[0]
    assert chosen.memories[first].of == ("maker", "month", "colour")


def test_a_spec_that_leaves_the_choice_open_trains_with_what_was_chosen(tmp_path: Path) -> None:
    data = prepared(tmp_path, by="pair")
    (tmp_path / "spec.yaml").write_text(SPEC)
    spec = chosen_spec(data, str(tmp_path / "spec.yaml"), ["training.epochs=3"])
    assert spec.memories == data.spec.memories
    assert spec.heads["product"].memories() == data.spec.heads["product"].memories()
    assert spec.training.epochs == 3


def test_a_value_with_many_labels_keeps_as_many_as_its_rows_need(tmp_path: Path) -> None:
    data = prepared(tmp_path, by="many")
    memory = data.spec.memories[data.spec.heads["product"].memories()[0]]
    assert (memory.of, memory.labels) == (("month",), 128)


def test_where_nothing_helps_there_is_no_memory(tmp_path: Path) -> None:
    data = prepared(tmp_path, by="nothing")
    assert data.spec.memories == {} and data.spec.heads["product"].memories() == ()


@pytest.mark.parametrize("setting", ["label_smoothing: 0.1", "class_weights: balanced"])
def test_a_head_whose_labels_count_otherwise_gets_none_and_the_data_can_be_read(
    setting: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = SPEC.replace("vocabulary: product}}", f"vocabulary: product, {setting}}}}}")
    logging.getLogger("pipeline").propagate = True
    with caplog.at_level(logging.INFO, "pipeline.prepare"):
        rows = [write(tmp_path / "rows.parquet", by="pair")]
        prepare.prepare(parse_spec(own), rows, tmp_path / "data")
    assert DataFolder(tmp_path / "data").verified().spec.memories == {}
    name = setting.partition(":")[0]
    assert f"memory: none for product: {name} changes how its labels count" in caplog.messages


@pytest.mark.parametrize(("by", "first"), [("pair", ("maker", "month")), ("nothing", None)])
def test_it_chooses_for_heads_with_several_labels_a_row(
    by: str, first: tuple[str, ...] | None, tmp_path: Path
) -> None:
    spec = SPEC.replace("kind: classification", "kind: multilabel")
    prepare.prepare(parse_spec(spec), [write(tmp_path / "r.parquet", by=by)], tmp_path / "data")
    chosen = DataFolder(tmp_path / "data").spec
    names = chosen.heads["product"].memories()
    assert [chosen.memories[name].of for name in names[:1]] == ([first] if first else [])


def test_a_memory_too_large_for_the_file_leaves_out_values_that_occur_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "MOST_BYTES", 240 * 24)
    spec = prepared(tmp_path, by="pair").spec
    assert {one.of: one.min_count for one in spec.memories.values()}["maker", "month"] == 2


def test_of_more_rows_than_are_wanted_an_even_sample_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(even_sample, "ROWS", 1500)
    spec = parse_spec(SPEC)
    rows = [write(tmp_path / "rows.parquet", by="last")]
    sample, share = even_sample.even_sample(
        ReadTrainingRows(rows, fields_of(spec), spec.split), rows, AS_FOUND
    )
    assert sample is not None and 600 <= sample.num_rows <= 1500 and share == 0.25
    words = sample.column("words")
    assert len(set(map(tuple, words.to_pylist()))) > 600
