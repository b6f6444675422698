"""The short specs under examples/, and the made-up rows that any spec can be tried with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples import made_up_rows
from examples.made_up_rows import rows_for
from kinds.heads.regression.spec import Regression
from kinds.inputs.category.spec import Category
from pipeline.failures import Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec, read_spec

EXAMPLES = Path(made_up_rows.__file__).parent
PATHS = sorted(EXAMPLES.rglob("*.yaml"))
OF_THE_QUESTION = (
    *("shared_projection", "dense", "sequence_lstm"),
    *("ten_inputs", "ten_inputs_joined", "shared_submodel"),
)

# Every kind of input, head and split column at once.
EVERYTHING = """
name: everything
keys: [row]
weight: importance
vocabularies: {word: {}, few: {values: [red, green]}, tag: {size: 5}}
inputs:
  word: {kind: category, vocabulary: word}
  colour: {kind: category, vocabulary: few, column: the colour}
  words: {kind: sequence, vocabulary: word, length: 4}
  age: {kind: number}
  price: {kind: number, scale: log}
  size: {kind: number, scale: buckets, buckets: 4, embedding: 2, missing: reject}
heads:
  label: {kind: classification, vocabulary: tag}
  tags: {kind: multilabel, vocabulary: tag}
  bought: {kind: binary}
  amount: {kind: regression, scale: log}
  visits: {kind: count}
split: {by: column, column: year, eval: ["2022"], test: ["2023"]}
"""


@pytest.fixture
def everything() -> pa.Table:
    return rows_for(parse_spec(EVERYTHING), 2000, seed=3)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: str(p.relative_to(EXAMPLES)))
def test_every_spec_under_examples_is_valid(path: Path) -> None:
    assert read_spec(path).heads


def example(name: str) -> Spec:
    return read_spec(EXAMPLES / f"{name}.yaml")


def test_the_models_of_the_question_are_all_there_under_their_own_names() -> None:
    assert [example(name).name for name in OF_THE_QUESTION] == list(OF_THE_QUESTION)


def test_the_model_of_the_question_has_the_sizes_that_were_asked_for() -> None:
    spec = example("shared_projection")
    word, (common,) = spec.inputs["word"], spec.shared["common"].dense_layers()
    assert isinstance(word, Category)
    assert (spec.vocabularies["word"].size, word.embedding) == (10_000, 50)
    assert (common.units, common.bias, common.activation) == (128, False, None)
    assert spec.vocabularies["label"].size == 25_000


def test_the_plain_net_has_four_inputs_and_no_flags() -> None:
    spec = example("dense")
    assert [part.model_dump()["missing"] for part in spec.inputs.values()] == ["reject"] * 4
    assert [(layer.units, layer.bias) for layer in spec.trunk.layers] == [(2, False)]


def test_each_of_ten_heads_reads_one_input_of_its_own() -> None:
    spec = example("ten_inputs")
    assert sorted(head.inputs for head in spec.heads.values()) == [(f"x{i}",) for i in range(10)]
    assert {lookup.through for lookup in spec.lookups().values()} == {"common"}


def test_one_block_is_used_by_inputs_of_two_vocabularies() -> None:
    spec = example("shared_submodel")
    uses = [(lookup.through, lookup.vocabulary) for lookup in spec.lookups().values()]
    assert sorted(uses) == [("network", "user")] * 5 + [("network", "word")] * 5


@pytest.mark.parametrize("path", PATHS, ids=lambda p: str(p.relative_to(EXAMPLES)))
def test_made_up_rows_have_every_column_that_the_spec_names(path: Path) -> None:
    spec = read_spec(path)
    table = rows_for(spec, 50, seed=1)
    names = {c for n in spec.inputs for c in spec.input_columns(n)} | {
        spec.head_column(n) for n in spec.heads if n not in spec.followed()
    }
    assert names | set(spec.keys) <= set(table.schema.names)
    assert table.num_rows == 50


def test_made_up_rows_depend_on_the_seed_only(everything: pa.Table) -> None:
    spec = parse_spec(EVERYTHING)
    assert rows_for(spec, 2000, seed=3).equals(everything)
    assert not rows_for(spec, 2000, seed=4).equals(everything)


def test_made_up_cells_are_of_the_kind_that_the_spec_says(everything: pa.Table) -> None:
    assert set(everything["the colour"].to_pylist()) == {"red", "green", None}
    assert everything["size"].null_count == 0
    assert 0 < everything["age"].null_count < 200
    assert set(everything["label"].drop_null().to_pylist()) == {f"tag{i}" for i in range(5)}
    assert {"2022", "2023"} < set(everything["year"].to_pylist())
    assert min(everything["visits"].drop_null().to_pylist()) == 0
    assert max(len(words) for words in everything["words"].to_pylist()) > 4


@pytest.mark.parametrize("head", ["label", "bought", "amount", "visits"])
def test_a_made_up_target_can_be_learned_from_the_inputs(everything: pa.Table, head: str) -> None:
    """`size` is never missing and one of six inputs, so it explains a sixth of the signal."""
    pairs = everything.select(["size", head]).drop_null().to_pylist()
    targets = ranks([as_number(pair[head]) for pair in pairs])
    assert np.corrcoef(ranks([pair["size"] for pair in pairs]), targets)[0, 1] > 0.2


def as_number(cell: str | float) -> float:
    return float(cell.removeprefix("tag")) if isinstance(cell, str) else float(cell)


def ranks(values: Sequence[float]) -> np.ndarray:
    return np.argsort(np.argsort(values))


def test_without_gaps_nothing_is_missing() -> None:
    table = rows_for(parse_spec(EVERYTHING), 300, seed=1, missing=0.0)
    assert [column.null_count for column in table.columns] == [0] * table.num_columns


def test_a_head_that_names_its_inputs_depends_on_no_others() -> None:
    spec = example("ten_inputs")
    table = rows_for(spec, 4000, seed=1, missing=0.0)
    means = {
        source: np.array(table.group_by(source).aggregate([("y0", "mean")])["y0_mean"])
        for source in ("x0", "x1")
    }
    assert isinstance(spec.heads["y0"], Regression)
    assert np.std(means["x0"]) > 5 * np.std(means["x1"])


def test_the_command_writes_the_rows(tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    spec = EXAMPLES / "dense.yaml"
    made_up_rows.run(["--spec", str(spec), "--rows", "20", "--output", str(output)])
    assert pq.read_table(output).equals(rows_for(read_spec(spec), 20, seed=1))


def test_rows_in_another_form_than_parquet_are_refused(tmp_path: Path) -> None:
    line = ["--spec", str(EXAMPLES / "dense.yaml"), "--output", str(tmp_path / "rows.csv")]
    with pytest.raises(Failure, match=r"a \.parquet file\. Received: .*rows\.csv"):
        made_up_rows.run(line)
    assert not (tmp_path / "rows.csv").exists()
