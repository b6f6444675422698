"""The network that a spec describes: shapes, sharing, padding, and the model that is saved."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_data import ENTRIES, KINDS, LABELS, LENGTH, WORDS, floats, ints, tiny_spec

from kinds.heads.any.metrics import Scale
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.network import (
    Network,
    build_network,
    group_variables,
    parameters,
)
from trainer.network.body import build_body
from trainer.network.output_layers import outputs_of
from trainer.network.trained_model import trained_model

PADDING = WORDS + 1
FORMS = ["concat", "mean", "sum", "max", "lstm", "gru", "attention", "transformer"]


def network_of(spec: Spec, *, seed: int = 1) -> Network:
    bias = {name: np.zeros(n) for name, n in outputs_of(spec, ENTRIES).items()}
    return build_network(spec, ENTRIES, bias, seed=seed)


def sequence_spec(combine: str, length: int = LENGTH) -> Spec:
    units = ", units: 3" if combine in ("lstm", "gru") else ""
    return parse_spec(
        f"""
        name: forms
        vocabularies: {{words: {{}}}}
        shared: {{common: {{layers: [{{units: 6, activation: tanh}}]}}}}
        inputs:
          before: {{kind: sequence, vocabulary: words, embedding: 4, through: common,
                   length: {length}, combine: {combine}{units}}}
        heads: {{value: {{kind: regression}}}}
        split: {{by: hash, columns: [id]}}
        """
    )


def hidden(spec: Spec, ids: list[list[int]], weights: list[np.ndarray] | None = None) -> Any:
    keras.utils.set_random_seed(3)
    model = build_body(spec, ENTRIES).model
    if weights is not None:
        model.set_weights(weights)
    return model({"before": ints(ids)})["value"].numpy(), model.get_weights()


@pytest.mark.parametrize(
    ("combine", "width"),
    [
        ("concat", 24),
        ("mean", 6),
        ("sum", 6),
        ("max", 6),
        ("lstm", 3),
        ("gru", 3),
        ("attention", 6),
        ("transformer", 6),
    ],
)
def test_a_sequence_becomes_one_vector(combine: str, width: int) -> None:
    vectors, _ = hidden(sequence_spec(combine), [[PADDING, 1, 2, 3], [PADDING] * LENGTH])
    assert vectors.shape == (2, width)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("combine", ["mean", "sum", "max", "attention", "transformer"])
def test_more_padding_room_changes_nothing(combine: str) -> None:
    rows = [[5, 1, 2, 3], [PADDING, PADDING, 4, 4], [PADDING] * LENGTH]
    short, weights = hidden(sequence_spec(combine), rows)
    roomier = [[PADDING] * 3 + row for row in rows]
    _, wider = hidden(sequence_spec(combine, LENGTH + 3), roomier)
    for i, weight in enumerate(weights):
        # Positions are rows counted from the right end; the additional ones stay as they began.
        wider[i][tuple(slice(n) for n in weight.shape)] = weight
    long, _ = hidden(sequence_spec(combine, LENGTH + 3), roomier, wider)
    np.testing.assert_allclose(long, short, rtol=1e-6, atol=1e-7)


def test_the_mean_is_over_what_is_there() -> None:
    pair, weights = hidden(sequence_spec("mean"), [[PADDING, PADDING, 1, 2]])
    alone, _ = hidden(sequence_spec("mean"), [[1] * 4, [2] * 4], weights)
    np.testing.assert_allclose(pair[0], alone.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("combine", ["attention", "transformer"])
def test_attention_knows_the_order(combine: str) -> None:
    vectors, _ = hidden(sequence_spec(combine), [[1, 2, 3, 4], [2, 1, 3, 4]])
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-6


def features(rows: int, seed: int = 0) -> dict[str, tf.Tensor]:
    draw = np.random.default_rng(seed)
    return {
        "word": tf.constant(draw.integers(WORDS + 2, size=rows), tf.int32),
        "before": tf.constant(draw.integers(WORDS + 2, size=(rows, LENGTH)), tf.int32),
        "size": tf.constant(draw.normal(size=rows), tf.float32),
        "size.missing": tf.zeros(rows),
    }


def test_a_shared_block_is_one_variable_and_gets_the_gradient_of_all_its_uses() -> None:
    spec = tiny_spec(replace={"trunk: {layers: [8]}\n": ""})
    network = network_of(spec)
    (matrix,) = network.groups["shared.common"]
    table = network.groups["tables"][0].numpy()
    given = features(9)
    with tf.GradientTape() as tape:
        joined = network.body(given)["label"]
        pull = tf.constant(np.random.default_rng(1).normal(size=joined.shape), tf.float32)
        total = tf.reduce_sum(joined * pull)
    gradient = tape.gradient(total, matrix)
    uses = [given["word"].numpy(), *given["before"].numpy().T]
    expected = sum(
        table[ids].T @ pull.numpy()[:, 5 * i : 5 * (i + 1)] for i, ids in enumerate(uses)
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)
    matrix.assign_sub(0.1 * gradient)
    after = network.body(given)["label"].numpy()
    for i, ids in enumerate(uses):
        expected = table[ids] @ matrix.numpy()
        np.testing.assert_allclose(after[:, 5 * i : 5 * (i + 1)], expected, rtol=1e-4, atol=1e-6)
    assert network.groups["shared.common"][0] is matrix


def test_parameters_count_each_weight_once() -> None:
    counted = parameters(network_of(tiny_spec()))
    joined = 5 + LENGTH * 5 + 2
    assert counted == {
        "tables": (WORDS + 2) * 4,
        "shared.common": 4 * 5,
        "trunk": joined * 8 + 8,
        "heads": sum(classes * (8 + 1) for classes in (LABELS + 1, KINDS + 1, 1, 1)),
    }


def test_a_variable_in_two_groups_or_in_none_is_named() -> None:
    first, second = tf.Variable(0.0, name="first"), tf.Variable(0.0, name="second")
    with pytest.raises(ValueError, match=r"'first.*' is in 'a' and 'b'"):
        group_variables({"a": [first], "b": [first]}, [first])
    with pytest.raises(ValueError, match=r"'second.*' is in none"):
        group_variables({"a": [first]}, [first, second])


def test_the_weight_of_a_dense_net_does_not_depend_on_the_batch() -> None:
    spec = parse_spec(
        """
        name: dense
        inputs:
          a: {kind: number, missing: reject}
          b: {kind: number, missing: reject}
          c: {kind: number, missing: reject}
          d: {kind: number, missing: reject}
        trunk: {layers: [{units: 2, bias: false}]}
        heads: {value: {kind: regression}}
        split: {by: hash, columns: [a]}
        """
    )
    network = network_of(spec)
    for rows in (1, 7):
        given = {name: tf.ones(rows) for name in "abcd"}
        assert network.body(given)["value"].shape == (rows, 2)
    assert [tuple(v.shape) for v in network.groups["trunk"]] == [(4, 2)]


def test_a_head_with_inputs_of_its_own_reads_nothing_else() -> None:
    spec = tiny_spec(replace={"ends: {kind: binary}": "ends: {kind: binary, inputs: [size]}"})
    body = network_of(spec).body
    given, other = features(4), features(4, seed=1) | {"size": features(4)["size"]}
    np.testing.assert_array_equal(body(given)["ends"], body(other)["ends"])
    assert np.abs(body(given)["label"] - body(other)["label"]).max() > 0


EVERY_HEAD = """
name: every
vocabularies: {words: {}, labels: {}, kinds: {}}
shared: {common: {layers: [5, {units: 3, activation: null}]}}
inputs:
  word: {kind: category, vocabulary: words, embedding: 4, through: common}
  tags: {kind: sequence, vocabulary: words, embedding: 4, length: 3, combine: mean}
  last: {kind: sequence, vocabulary: words, embedding: 4, length: 3, combine: attention}
  best: {kind: sequence, vocabulary: words, embedding: 4, length: 3, combine: max}
  size: {kind: number, scale: log}
  age: {kind: number, scale: buckets, buckets: 5, embedding: 2}
  price: {kind: number, missing: 0}
trunk: {layers: [8, {units: 6, activation: tanh}], dropout: 0.3, input_dropout: 0.1}
heads:
  label: {kind: classification, vocabulary: labels}
  next: {kind: classification, vocabulary: words, tied: words}
  tagged: {kind: multilabel, vocabulary: words, tied: words}
  kinds: {kind: multilabel, vocabulary: kinds}
  ends: {kind: binary}
  left: {kind: regression}
  cost: {kind: regression, scale: log}
  plain: {kind: regression, scale: none}
  clicks: {kind: count}
split: {by: hash, columns: [word]}
"""


def every_feature(rows: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(4)
    ids = {n: draw.integers(WORDS + 2, size=(rows, 3)) for n in ("tags", "last", "best")}
    ids |= {"word": draw.integers(WORDS + 2, size=rows), "age": draw.integers(6, size=rows)}
    numbers = ("size", "size.missing", "price", "price.missing")
    found = {n: ints(v) for n, v in ids.items()}
    return found | {n: floats(draw.normal(size=rows)) for n in numbers}


def test_the_saved_model_gives_each_head_in_its_own_unit(tmp_path: Path) -> None:
    network = network_of(parse_spec(EVERY_HEAD))
    for variable in network.groups["heads"]:
        variable.assign_add(tf.random.stateless_normal(variable.shape, [1, 2], stddev=0.3))
    scales = dict.fromkeys(network.heads, Scale())
    scales |= {"left": Scale(10.0, 2.0), "cost": Scale(1.0, 0.5, log=True)}
    path = tmp_path / "model.keras"
    trained_model(network, temperatures={"label": 2.0}, scales=scales).save(path)
    given = every_feature(7)
    found = {n: v.numpy() for n, v in keras.saving.load_model(path)(given).items()}
    hidden = network.body(given, training=False)
    z = {n: h.logits(hidden[n]).numpy() for n, h in network.heads.items()}
    one = {n: z[n][:, 0] for n in ("ends", "left", "cost", "plain", "clicks")}
    log = 1.0 + 0.5 * one["cost"]
    expected = {
        "label": z["label"] / 2.0,
        "next": z["next"],
        "tagged": z["tagged"],
        "kinds": z["kinds"],
        "ends": 1 / (1 + np.exp(-one["ends"])),
        "left": 10.0 + 2.0 * one["left"],
        "cost": np.sign(log) * np.expm1(np.abs(log)),
        "plain": one["plain"],
        "clicks": np.exp(one["clicks"]),
    }
    assert set(found) == set(expected)
    assert found["next"].shape == (7, WORDS + 1)
    assert found["tagged"].shape == (7, WORDS)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_same_seed_gives_the_same_weights() -> None:
    one, same, other = (network_of(tiny_spec(), seed=s) for s in (1, 1, 2))
    for name, variable in one.state().items():
        np.testing.assert_array_equal(variable, same.state()[name])
    assert np.abs(one.groups["shared.common"][0] - other.groups["shared.common"][0]).max() > 0
