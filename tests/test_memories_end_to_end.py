"""Heads with memories through all stages: what is counted, mixed, exported and scored."""

import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf
from chain import read_json, through_all_stages, words

from kinds import tensors
from kinds.memory import parts
from pipeline import drift
from pipeline.folders.data import DataFolder
from pipeline.spec.file import parse_spec
from serving import score
from serving.explanation.memories import memories_of
from serving.exporting.graph import check
from serving.exporting.hard_cases import rows_of_keys
from serving.exporting.model_folder import build, compare
from serving.exporting.trained_run import TrainedRun
from serving.report import render
from serving.reporting.report_data import read
from serving.scorer import Scorer
from trainer.data import Batch
from trainer.data_folder import read_data
from trainer.evaluation import make_held_out_loss
from trainer.evaluation.gates import fit_gates
from trainer.run import open_run
from trainer.training.train import train_run
from trainer.training.train_step import Step, make_step

Array = np.ndarray[Any, Any]

SPEC = """
name: remembering
keys: [row]
weight: often
vocabularies: {maker: {size: 20}, shop: {}, item: {}, product: {size: 40}, tag: {size: 12}}
inputs:
  maker: {kind: category, vocabulary: maker, embedding: 4}
  shop: {kind: category, vocabulary: shop, embedding: 4}
  items: {kind: sequence, vocabulary: item, length: 3, embedding: 4, combine: mean}
  paid: {kind: flag}
memory:
  by_maker_shop: {of: [maker, shop]}
  by_maker: {of: [maker], labels: 5}
  by_last: {of: [items.last], reach: 2}
  by_paid: {of: [paid, shop]}
trunk: {layers: [8]}
heads:
  product: {kind: classification, vocabulary: product, top_k: 5,
            memory: [by_maker_shop, by_maker, by_last]}
  again: {kind: classification, column: product, vocabulary: product, memory: [by_paid]}
  tags: {kind: multilabel, vocabulary: tag, memory: [by_maker_shop, by_maker]}
  plain_tags: {kind: multilabel, column: tags, vocabulary: tag}
  plain: {kind: classification, column: product, vocabulary: product}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 2, batch_size: 128, learning_rate: 0.01}
"""
ROWS = 3000


def table(seed: int = 5) -> pa.Table:
    """The product follows from maker and shop, mostly; some makers are too rare for a place in the
    vocabulary, some cells are missing."""
    draw = np.random.default_rng(seed)
    maker = np.minimum(draw.geometric(0.1, ROWS), 40)
    shop = draw.integers(4, size=ROWS)
    product = np.where(
        draw.random(ROWS) < 0.7, (7 * maker + 3 * shop) % 50, draw.integers(50, size=ROWS)
    )
    items = [[f"i{(product[at] + back) % 30}" for back in range(at % 4)] for at in range(ROWS)]
    tags = [
        sorted({f"t{one % 15}" for one in range(product[at], product[at] + at % 3)})
        for at in range(ROWS)
    ]
    return pa.table(
        {
            "row": np.arange(ROWS),
            "maker": pa.array([f"m{one}" for one in maker], mask=draw.random(ROWS) < 0.05),
            "shop": [f"s{one}" for one in shop],
            "items": items,
            "paid": pa.array(draw.random(ROWS) < 0.5, mask=draw.random(ROWS) < 0.1),
            "product": pa.array([f"p{one}" for one in product], mask=draw.random(ROWS) < 0.05),
            "tags": pa.array(tags, pa.list_(pa.string()), mask=draw.random(ROWS) < 0.05),
            "often": draw.integers(1, 4, ROWS) / 2,
        }
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(parse_spec(SPEC), table(), tmp_path_factory.mktemp("memories") / "o")


def test_the_file_is_as_good_as_the_trained_model(output: Path, tmp_path: Path) -> None:
    """Metrics of the file on the rows of test are those that the run measured there."""
    options = ("--side", "test", "--evaluate", "--output", tmp_path / "scores.parquet")
    model = output / "model" / "model.onnx"
    score.run(words("--model", model, "--input", output / "rows.parquet", *options))
    of_file = read_json(tmp_path / "scores.parquet.metrics.json")
    of_run = read_json(output / "run" / "metrics.json")["test"]
    for head in ("product", "again", "tags"):
        for name, value in of_run[head].items():
            assert of_file[head][name] == pytest.approx(value, rel=1e-4, abs=1e-5), (head, name)


def test_scoring_says_of_how_many_rows_memories_know_the_value_as_prepare_would(
    output: Path, tmp_path: Path
) -> None:
    rows = table(seed=9).slice(0, 600)
    pyarrow.parquet.write_table(rows, tmp_path / "new.parquet")
    given = ("--input", tmp_path / "new.parquet")
    score.run(
        words(
            *("--model", output / "model" / "model.onnx", *given),
            *("--output", tmp_path / "s.parquet", "--drift"),
        )
    )
    drift.run(words("--data", output / "data", *given, "--json", tmp_path / "drift.json"))
    scored, prepared = (
        {
            one["of"]: one["distance"]
            for one in read_json(path)["distances"]
            if one["of"].startswith("memory.")
        }
        for path in (tmp_path / "s.parquet.drift.json", tmp_path / "drift.json")
    )
    assert set(scored) == {f"memory.by_{name}" for name in ("maker_shop", "maker", "last", "paid")}
    assert scored == pytest.approx(prepared)


def test_the_mixture_is_better_than_its_parts_where_rows_follow_from_two_values(
    output: Path,
) -> None:
    metrics = read_json(output / "run" / "metrics.json")
    said = metrics["memory"]["product"]
    assert [name for name, _ in parts.columns(said)] == [
        "together",
        "the network alone",
        *(f"{name} alone" for name in ("by_maker_shop", "by_maker", "by_last", "all memories")),
    ]
    losses = {name: own["log_loss"] for name, own in said["parts"].items()}
    for (title, own), ends in zip(parts.columns(said), parts.between(said), strict=True):
        low, high = ends["log_loss"]
        loss = own["log_loss"]
        assert loss is not None and low < loss < high, title
    assert min(losses, key=lambda name: losses[name]) in (parts.MIXTURE, parts.MEMORIES)
    assert (
        losses[parts.MEMORIES] < losses[parts.NETWORK]
        and losses["by_maker_shop"] < losses["by_maker"]
    )
    assert said["worse_than"] is None
    assert metrics["test"]["product"]["log_loss"] < metrics["test"]["plain"]["log_loss"]
    assert metrics["memory"]["tags"]["worse_than"] is None
    assert metrics["test"]["tags"]["log_loss"] < metrics["test"]["plain_tags"]["log_loss"]


def test_the_mixture_is_written_over_what_the_network_gives(output: Path) -> None:
    """onnxruntime writes in place only where it knows that both tensors have one shape: number of
    columns and name of the rows."""
    model = onnx.load(output / "model" / "model.onnx")
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {one.name: one.type.tensor_type.shape.dim for one in inferred.value_info}
    scatters = [node for node in inferred.node if node.op_type == "ScatterElements"]
    pairs = [(node.input[0], node.output[0]) for node in scatters]
    written = [pair for pair in pairs if pair[0].endswith("log_p")]
    assert len(written) == 3 + 1
    for name in {tensors.output("product"), tensors.output("again")}.union(*written):
        rows, labels = shapes[name]
        assert (rows.dim_param, labels.dim_value) == ("rows", 41), name


def test_gates_that_read_the_hidden_vector_are_certified_and_explained(
    output: Path, tmp_path: Path
) -> None:
    """The file has the mixture of Keras and NumPy, another one than without; what the memories have
    seen is told as before."""
    source, draw = TrainedRun(output / "run"), np.random.default_rng(3)
    counts = {}
    for name, own in source.counts.items():
        width = source.model.get_layer(f"{name}.logits").input.shape[1]
        drawn = draw.normal(size=(len(own.memories) + 1, width))
        counts[name] = replace(own, gates=replace(own.gates, hidden=drawn))
    source.__dict__["counts"] = counts
    model = build(source)[0]
    assert max(compare(source, check(model)).heads.values()) < 1e-4
    model.metadata_props.extend(onnx.load(output / "model" / "model.onnx").metadata_props)
    (tmp_path / "model.onnx").write_bytes(check(model))
    scorer = Scorer(tmp_path / "model.onnx", unchecked=True)
    plain = Scorer(output / "model" / "model.onnx")
    rows = table(seed=8).slice(0, 100)
    ours, before = (one.score(rows, heads=["product"]) for one in (scorer, plain))
    assert ours.column("product.scores") != before.column("product.scores")
    said, said_before = (one.explain(rows, heads=["again"]) for one in (scorer, plain))
    same = [a == b for a, b in zip(said["again.labels"], said_before["again.labels"], strict=True)]
    pairs = zip(said["again.memories"], said_before["again.memories"], same, strict=True)
    assert any(same) and all(a == b for a, b, first in pairs if first)


def test_labels_are_ranked_once_each_by_probabilities(output: Path) -> None:
    rows = table().slice(0, 200)
    scorer = Scorer(output / "model" / "model.onnx")
    scores = scorer.score(rows, top_k=40, heads=["product"])
    for at in range(rows.num_rows):
        labels, found = (
            scores.column(f"product.{one}")[at].as_py() for one in ("labels", "scores")
        )
        assert len(set(labels)) == len(labels) == 40
        assert found == sorted(found, reverse=True) and sum(found) < 1 + 1e-5


def test_the_certificate_compares_rows_that_each_memory_knows(output: Path) -> None:
    cases = read_json(output / "model" / "certificate.json")["cases"]
    run = TrainedRun(output / "run")
    for name in ("by_maker_shop", "by_maker", "by_last", "by_paid"):
        counts = next(of.memories[name] for of in run.counts.values() if name in of.memories)
        assert 0 < cases[f"known_to/{name}"] <= len(counts[1].keys)
    keys, counts_of = run.counts["product"].memories["by_maker_shop"]
    inputs = {
        name: (field, run.values[name])
        for name, (field, *_) in run.fields.inputs.items()
        if name in run.values
    }
    rows = rows_of_keys(run.typed_samples, keys, counts_of.keys, inputs)
    makers, shops = (rows.column(name).to_pylist() for name in ("maker", "shop"))
    pairs = list(zip(makers, shops, strict=True))
    assert len(set(pairs)) == len(pairs) == rows.num_rows
    raw = table()
    seen = set(zip(raw.column("maker").to_pylist(), raw.column("shop").to_pylist(), strict=True))
    assert set(pairs) <= seen


def test_the_report_shows_each_part(output: Path) -> None:
    html = render(read(output / "run", output / "model" / "model.onnx"))
    assert "its memories, on half of eval" in html and "by_maker_shop alone" in html
    table_of_parts = html[html.index("its memories, on half of eval") :].partition("</table>")[0]
    losses = table_of_parts[table_of_parts.index("<td>log loss") :].partition("</tr>")[0]
    # Below the value of each of six columns its interval.
    assert losses.count(" to ") == losses.count("<small>") == losses.count("<td") - 1 == 6


def test_a_network_without_inputs_leaves_it_to_the_memories(tmp_path: Path) -> None:
    said = SPEC.replace("trunk: {layers: [8]}", "trunk: none").replace(", reach: 2", "")
    output = through_all_stages(parse_spec(said), table(), tmp_path / "o")
    metrics = read_json(output / "run" / "metrics.json")
    history = (output / "run" / "history.jsonl").read_text().splitlines()
    assert len([line for line in history if "epoch" in json.loads(line)]) == 1
    of_test = metrics["test"]
    constant = metrics["baselines"]["plain"]["constant"]["test"]
    assert of_test["plain"]["log_loss"] == pytest.approx(constant["log_loss"], rel=0.02)
    assert of_test["product"]["log_loss"] < of_test["plain"]["log_loss"] - 0.5
    assert of_test["tags"]["log_loss"] < of_test["plain_tags"]["log_loss"]
    weights = TrainedRun(output / "run").model.count_params()
    # A bias, and a factor of nothing, for each output of each head.
    assert weights == 2 * (3 * 41 + 2 * 12)


def test_a_killed_run_with_memories_ends_with_the_same_bits(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_data(output / "data")
    whole, killed, resumed = (open_run(data, data.spec)[0] for _ in range(3))
    for folder in ("whole", "killed"):
        (tmp_path / folder).mkdir()
    train_run(whole, tmp_path / "whole")

    def stopping(*arguments: Any, **options: Any) -> Step:
        step, calls = make_step(*arguments, **options), iter(range(1, 1_000))

        def counted(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
            if next(calls) == 20:
                os.kill(os.getpid(), signal.SIGTERM)
            return step(batch, rate)

        return counted

    with monkeypatch.context() as patch:
        patch.setattr("trainer.training.train.make_step", stopping)
        with pytest.raises(SystemExit):
            train_run(killed, tmp_path / "killed")
    train_run(resumed, tmp_path / "killed")
    gates = [name for name in whole.state() if name.startswith("memory.")]
    assert len(gates) == 9
    for name, variable in whole.state().items():
        np.testing.assert_array_equal(variable, resumed.state()[name], err_msg=name)


class NoneHeldOut(DataFolder):
    """A data folder of which all rows are training rows."""

    def rows(self, side: str) -> int:
        return super().rows(side) if side == "train" else 0


def test_without_held_out_rows_gates_are_fitted_on_training_rows_left_out(output: Path) -> None:
    """On held-out rows they are then nearly as good as those that were fitted there; on training
    rows that are not left out, a memory seems to know all of them."""
    data = read_data(output / "data")
    run = open_run(data, data.spec)[0]
    held_out_loss = make_held_out_loss(run)
    losses = [held_out_loss().heads["product"]]
    for folder in (NoneHeldOut(data.path), data):
        fit_gates(replace(run, data=folder))
        losses.append(held_out_loss().heads["product"])
    before, left_out, held_out = losses
    assert held_out < before and left_out < before and left_out < 1.05 * held_out


def test_int8_leaves_heads_with_memories_alone(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx", labels_only=True)
    assert not scorer.uses_int8(["product"])
    rows = table().slice(0, 50)
    every = Scorer(output / "model" / "model.onnx").score(rows, heads=["product"])
    only = scorer.score(rows, heads=["product"])
    assert only.column("product.labels").equals(every.column("product.labels"))


def test_rows_in_which_nothing_is_known_are_scored(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx")
    rows = pa.table(
        {
            "row": [1, 2],
            "maker": ["nobody", None],
            "shop": ["nowhere", ""],
            "items": [["nothing"], []],
            "paid": [None, True],
        }
    )
    scores = scorer.score(rows, top_k=5)
    assert all(len(one) == 5 for one in scores.column("product.labels").to_pylist())


def test_explanations_say_how_often_the_memories_have_seen_the_answer(output: Path) -> None:
    """Counts read from the file are those that were counted; a file has them by the mean weight
    of a row."""
    scorer, source = Scorer(output / "model" / "model.onnx"), TrainedRun(output / "run")
    for head in scorer.heads(["product", "again", "tags"]):
        own = source.counts[head.name].memories
        for memory in memories_of(scorer.graph, head, scorer.metadata):
            _, counts = own[memory.name]
            value = np.repeat(np.arange(len(counts.keys)), np.diff(counts.offsets))
            rows, hits = memory.counts.seen(value, counts.labels)
            np.testing.assert_allclose(rows * counts.unit, counts.totals[value], rtol=1e-4)
            assert (hits > 0).all()
            # The rows are weighted, and what was taken off a count of one label is not known then.
            one_row = np.maximum(counts.weights / counts.rows, 0.5 * counts.unit)
            within = 1e-3 if head.name == "tags" else one_row
            off = np.abs(hits * counts.unit - counts.weights)
            assert (off <= within + 1e-3 * counts.weights.max()).all()
            nothing = np.array([len(counts.keys)])
            assert memory.counts.seen(nothing, np.array([0]))[0].tolist() == [0]


def test_explanations_of_heads_with_memories_sum_up_and_have_a_sentence_for_each(
    output: Path,
) -> None:
    scorer = Scorer(output / "model" / "model.onnx")
    got = scorer.explain(table(seed=6).slice(0, 200), heads=["product", "tags"], shapley=True)
    assert {len(said) for said in got["product.memories"].to_pylist()} == {3}
    first = got["product.memories"].to_pylist()[0][1]
    assert re.fullmatch(r"seen about \d+ times with this maker, .* of them this answer", first)
    chance = np.array([scores[0] for scores in got["product.scores"].to_pylist()])
    sums = np.array([sum(of) for of in got["product.shares"].to_pylist()])
    empty = [set(np.round(np.log(chance / (1 - chance)) - sums, 3).tolist())]
    # One row without anything, so one number for each answer.
    answers = {labels[0] for labels in got["product.labels"].to_pylist()}
    assert len(empty[0]) <= 2 * len(answers)
