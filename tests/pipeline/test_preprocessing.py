"""Three rows through the transform graph, and the exact features that come out."""

import math
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from kinds.columns import cast
from pipeline.fields import Fields, analyses_of, fields_of
from pipeline.preparing import raw_tensors, transform_graph
from pipeline.preparing.features import features
from pipeline.preparing.learning import Learn
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

SPEC = """
name: three
weight: trust
vocabularies:
  words: {size: 3}
  colours: {values: [red, green]}
  tags: {size: 2}
inputs:
  word: {kind: category, vocabulary: words}
  past: {kind: sequence, vocabulary: words, length: 2}
  age: {kind: number}
  income: {kind: number, scale: log, missing: 0}
  height: {kind: number, scale: none, missing: reject}
  part: {kind: number, scale: buckets, buckets: 2, embedding: 2, column: age}
heads:
  next: {kind: classification, vocabulary: words}
  colour: {kind: classification, vocabulary: colours}
  labels: {kind: multilabel, vocabulary: tags}
  flag: {kind: binary}
  price: {kind: regression}
  visits: {kind: count}
split: {by: hash, columns: [word]}
"""
ROWS = pa.RecordBatch.from_pydict(
    {
        "trust": ["1", "2", "0.5"],
        "word": ["b", "", "rare"],
        "past": ["rare b a", None, "a  a"],
        "age": ["10", "", "30"],
        "income": ["0", None, "-1.718281828459045"],
        "height": ["1", "2", "3"],
        "next": ["a", "", None],
        "colour": ["green", "blue", ""],
        "labels": ["x y x", "", "x z"],
        "flag": ["yes", "", "0"],
        "price": ["1", "3", ""],
        "visits": ["0", "7", None],
    }
)


def _typed(spec: Spec, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Fields]:
    fields = fields_of(spec)
    typed, _, rejected = cast(rows, fields.all())
    assert rejected == []
    return typed, fields


def _transformed(spec: Spec, rows: pa.RecordBatch, folder: Path) -> tuple[Any, Any]:
    """The features by the transform graph, and by Arrow; learned from the rows."""
    typed, fields = _typed(spec, rows)
    origin = pa.array(range(typed.num_rows), pa.int64())
    batch, config = (
        raw_tensors.record_batch(typed, fields, origin),
        raw_tensors.adapter_config(fields),
    )
    out = folder / "out.arrow"
    combine = Learn(analyses_of(spec, fields), spec.vocabularies)
    learned = combine.extract_output(combine.add_input(combine.create_accumulator(), typed))
    transform_graph.write(learned, spec, fields, folder / "transform")
    with (
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
        tft_beam.Context(temp_dir=str(folder), passthrough_keys={raw_tensors.ORIGIN}),
    ):
        graph = pipeline | tft_beam.ReadTransformFn(str(folder / "transform"))
        batches = pipeline | "Batches" >> beam.Create([batch])
        transform = tft_beam.TransformDataset(output_record_batches=True)
        transformed, _ = ((batches, config), graph) | transform
        _ = transformed | beam.Map(_save, str(out))
    with pa.ipc.open_file(out) as file:
        by_graph = file.read_all()
    return by_graph, features(typed, spec, fields, learned.known)


def _save(element: tuple[pa.RecordBatch, Any], path: str) -> None:
    with pa.ipc.new_file(path, element[0].schema) as file:
        file.write(element[0])


Both = tuple[pa.Table, pa.RecordBatch]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return _transformed(parse_spec(SPEC), ROWS, tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def by_graph(both: Both) -> dict[str, list[Any]]:
    return both[0].to_pydict()


def test_the_features_are_all_there(by_graph: dict[str, list[Any]]) -> None:
    assert set(by_graph) == {
        *("word", "past", "age", "age.missing", "income", "income.missing", "height", "part"),
        *("next", "colour", "labels", "flag", "price", "visits"),
        *("row.weight", "row.origin"),
    }


# past keeps its last two: ["b", "a"], [], ["", "a"], where an empty element is missing. `words`
# counts word, past and next together: "a" 3 times, "b" twice, "rare" once, and once the label "",
# which sorts before "rare". So the ids are: a 0, b 1, "" 2, every other value 3, missing 4.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("word", [[1], [4], [3]]),
        ("past", [[1, 0], [], [4, 0]]),
        ("next", [[0], [2], [-1]]),
        ("colour", [[1], [2], [2]]),
        ("labels", [[0, 1], [], [0]]),
        ("age.missing", [[0], [1], [0]]),
        ("income.missing", [[0], [1], [0]]),
        ("part", [[0], [2], [1]]),
        ("visits", [[0], [7], [math.nan]]),
        ("flag", [[1], [math.nan], [0]]),
        ("row.weight", [[1], [2], [0.5]]),
        ("height", [[1], [2], [3]]),
        # mean 20, deviation 10; a missing one is the mean.
        ("age", [[-1], [0], [1]]),
        # y = 0 and -1: mean -0.5, deviation 0.5; a missing one is 0 before it is scaled.
        ("income", [[1], [1], [-1]]),
        ("price", [[-1], [1], [math.nan]]),
    ],
)
def test_features_of_three_rows(
    by_graph: dict[str, list[Any]], name: str, expected: list[list[float]]
) -> None:
    assert [len(row) for row in by_graph[name]] == [len(row) for row in expected]
    flat = [value for row in by_graph[name] for value in row]
    np.testing.assert_allclose(flat, [value for row in expected for value in row], rtol=1e-6)


def test_labels_without_an_entry_are_counted(both: Both) -> None:
    """For the statistics: they are no feature of an example, so the graph has none of it."""
    assert both[1]["labels.dropped"].to_pylist() == [[0], [0], [1]]


def _assert_alike(by_graph: pa.Table, made: pa.RecordBatch) -> None:
    """The same features, of the same lengths; ids exactly, numbers to the last digit but one."""
    counted, written = {"labels.dropped"}, set(by_graph.schema.names) - {raw_tensors.ORIGIN}
    assert set(made.schema.names) - counted == written
    for name in written:
        one, other = by_graph[name].combine_chunks(), made[name]
        lengths = [pc.list_value_length(array).to_pylist() for array in (one, other)]
        assert lengths[0] == lengths[1], name
        values = [array.flatten().to_numpy(zero_copy_only=False) for array in (one, other)]
        assert values[0].dtype == values[1].dtype, name
        np.testing.assert_allclose(values[0], values[1], rtol=3e-7, err_msg=name)


def test_the_features_are_those_of_the_graph(both: Both) -> None:
    _assert_alike(*both)


def test_the_features_of_many_rows_are_those_of_the_graph(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    words = ["a", "b", "", "c d", "a  a", "rare b a", "\U0001f600", "x\ny", "NA", None]
    numbers = ["", "0", "-3.5", "1e-40", "7", "123456.789", None]
    flags = ["yes", "0", "", None]
    columns: dict[str, list[Any]] = {
        name: [words[at] for at in random.integers(0, len(words), 500)]
        for name in ("word", "past", "next", "colour", "labels")
    }
    columns |= {
        name: [numbers[at] for at in random.integers(0, len(numbers), 500)]
        for name in ("age", "income", "price")
    }
    columns["past"] = [None if at % 7 == 0 else f"{at} a b"[: at % 9] for at in range(500)]
    columns["flag"] = [flags[at] for at in random.integers(0, len(flags), 500)]
    columns["visits"] = [str(at % 5) for at in range(500)]
    columns["trust"] = columns["height"] = [f"{value:.6f}" for value in random.random(500)]
    rows = pa.RecordBatch.from_pydict(columns)
    _assert_alike(*_transformed(parse_spec(SPEC), rows, tmp_path))


def test_a_number_that_is_far_out_is_cut_by_both(tmp_path: Path) -> None:
    """One of n values that differs from all others is sqrt(n - 1) deviations from the mean."""
    count = 12_000
    columns = {name: ["a"] * count for name in ("word", "past", "next", "colour", "labels")}
    columns |= {name: ["1"] * count for name in ("age", "income", "price", "visits", "flag")}
    columns |= {"trust": ["1"] * count, "height": ["1"] * count}
    columns["age"] = ["1"] * (count - 1) + ["5e8"]
    rows = pa.RecordBatch.from_pydict(columns)
    by_graph, made = _transformed(parse_spec(SPEC), rows, tmp_path)
    _assert_alike(by_graph, made)
    assert np.sqrt(count - 1) > 100
    assert max(made["age"].flatten().to_pylist()) == 100.0
