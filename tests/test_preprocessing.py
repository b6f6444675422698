"""Three rows through the transform graph, and the exact features that come out."""

import math
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline import tensors
from pipeline.casting import cast
from pipeline.fields import fields_of
from pipeline.graph import Analyze
from pipeline.spec import Spec, parse_spec

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


def _batches(spec: Spec, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Any]:
    fields = fields_of(spec)
    typed, _, rejected = cast(rows, fields.all())
    assert rejected == []
    origin = pa.array(range(typed.num_rows), pa.int64())
    return tensors.record_batch(typed, fields, origin), tensors.adapter_config(fields)


def _transformed(spec: Spec, rows: pa.RecordBatch, folder: Path) -> dict[str, list[Any]]:
    """Feature to its list for each row, learned from the rows themselves."""
    batch, config = _batches(spec, rows)
    found: dict[str, list[Any]] = {}
    out = folder / "out.arrow"
    with (
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
        tft_beam.Context(temp_dir=str(folder), passthrough_keys={tensors.ORIGIN}),
    ):
        batches = pipeline | beam.Create([batch])
        graph = batches | "Analyze" >> Analyze(config, spec, str(folder))
        transform = tft_beam.TransformDataset(output_record_batches=True)
        transformed, _ = ((batches, config), graph) | transform
        _ = transformed | beam.Map(_save, str(out))
    with pa.ipc.open_file(out) as file:
        found = file.read_all().to_pydict()
    return found


def _save(element: tuple[pa.RecordBatch, Any], path: str) -> None:
    with pa.ipc.new_file(path, element[0].schema) as file:
        file.write(element[0])


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    return _transformed(parse_spec(SPEC), ROWS, tmp_path_factory.mktemp("three"))


def test_the_features_are_all_there(features: dict[str, list[Any]]) -> None:
    assert set(features) == {
        *("word", "past", "age", "age.missing", "income", "income.missing", "height", "part"),
        *("next", "colour", "labels", "labels.dropped", "flag", "price", "visits"),
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
        ("labels.dropped", [[0], [0], [1]]),
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
    features: dict[str, list[Any]], name: str, expected: list[list[float]]
) -> None:
    assert [len(row) for row in features[name]] == [len(row) for row in expected]
    flat = [value for row in features[name] for value in row]
    np.testing.assert_allclose(flat, [value for row in expected for value in row], rtol=1e-6)
