"""Averages of numbers through all stages: out of fold in training, certified in the file."""

from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import through_all_stages

from kinds.memory.averages import FOLDS, feature_name
from kinds.tensors import feature
from pipeline.folders.data import DataFolder
from pipeline.sides import by_hash
from pipeline.spec.file import parse_spec
from trainer.run import open_run

SPEC = parse_spec("""
name: averaged
vocabularies: {maker: {size: 6}, item: {}}
inputs:
  maker: {kind: category, vocabulary: maker, embedding: 2}
  items: {kind: sequence, vocabulary: item, length: 3, embedding: 2}
  new: {kind: flag}
memory:
  by_maker: {of: [maker]}
  by_pair: {of: [maker, new], min_count: 2}
  by_last: {of: [items.last]}
trunk: {layers: [4]}
heads:
  price: {kind: regression, memory: [by_maker, by_pair]}
  sold: {kind: binary, memory: [by_pair, by_last], inputs: [maker]}
  times: {kind: count, memory: [by_maker]}
split: {by: hash, columns: [row], eval: 0.2, test: 0}
training: {epochs: 1, batch_size: 64}
""")


def table(rows: int) -> pa.Table:
    draw = np.random.default_rng(3)
    makers = draw.integers(0, 9, rows)
    new = [None, True, False]
    names = [None if maker == 8 else f"m{maker}" for maker in makers.tolist()]
    return pa.table(
        {
            "row": [str(at) for at in range(rows)],
            "maker": names,
            "items": [[f"i{x}" for x in draw.integers(0, 4, draw.integers(0, 4))] for _ in names],
            "new": [new[at] for at in draw.integers(0, 3, rows)],
            "price": [None if x % 11 == 0 else float(x) + draw.normal() for x in makers.tolist()],
            "sold": draw.random(rows) < makers / 9,
            "times": draw.poisson(makers).tolist(),
        }
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(SPEC, table(600), tmp_path_factory.mktemp("averages") / "out")


def test_a_training_row_reads_what_the_rows_of_other_folds_say(output: Path) -> None:
    data = DataFolder(output / "data")
    run, _ = open_run(data, SPEC)
    batch = next(iter(run.batches("train")))
    name = feature_name("by_maker", "price")
    memory = data.averages(SPEC)[name]
    makers = batch.features["maker"].numpy()
    there = batch.weights.numpy() > 0
    place = memory.averages.places(memory.keys.combined([makers.astype(np.int64)]))
    possible = memory.table[:FOLDS, place]
    found = batch.features[name].numpy()
    is_one = np.isclose(found, possible).all(axis=2).any(axis=0)
    assert is_one[there].all()
    # With 600 rows no two folds say the same of a value.
    unlike = ~np.isclose(found, memory.table[FOLDS, place]).all(axis=1)
    assert unlike[there & (place < len(memory.averages.keys))].all()


def test_held_out_rows_read_what_all_training_rows_say(output: Path) -> None:
    data = DataFolder(output / "data")
    run, _ = open_run(data, SPEC)
    batch = next(iter(run.batches("eval")))
    for name, memory in data.averages(SPEC).items():
        features = {key: values.numpy() for key, values in batch.features.items()}
        assert np.allclose(batch.features[name].numpy(), memory.said(features))


def test_the_prepared_sums_are_those_of_the_training_rows(output: Path) -> None:
    data = DataFolder(output / "data")
    training = table(600).take(pa.array(_training_rows(output)))
    prices, makers = training["price"].to_pylist(), training["maker"].to_pylist()
    scale = data.statistics.numbers["price"]
    memory = data.averages(SPEC)[feature_name("by_maker", "price")]
    known = list(data.vocabulary("maker"))
    for at, key in enumerate(memory.averages.keys.tolist()):
        maker = known[key] if key < len(known) else None
        own = [p for p, m in zip(prices, makers, strict=True) if m == maker and p is not None]
        scaled = (np.array(own) - scale["mean"]) / scale["std"]
        assert memory.averages.weights[at].sum() == len(own)
        assert memory.averages.sums[at].sum() == pytest.approx(scaled.sum(), rel=1e-4, abs=1e-3)


def _training_rows(output: Path) -> list[int]:
    assert pq.read_table(output / "scores.parquet").num_rows == 600
    found = by_hash([table(600)["row"].combine_chunks()], 0.2, 0.0)
    return np.flatnonzero(found == 0).tolist()


def test_the_file_makes_the_features_and_statistics_say_what_a_memory_holds(output: Path) -> None:
    graph = onnx.load(output / "model" / "model.onnx").graph
    made = {name for node in graph.node for name in node.output}
    assert {feature(feature_name(*one)) for one in SPEC.averaged()} <= made
    said = DataFolder(output / "data").statistics.memory
    assert said["by_maker"]["price"]["values"] <= 8
    assert 0.5 < said["by_maker"]["price"]["known"]["eval"] <= 1
