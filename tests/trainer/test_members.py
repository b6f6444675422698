"""Members of the trunk: each learns alone, and what is read is their mean."""

from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from chain import read_json, through_all_stages
from tiny_data import ENTRIES, tiny_spec

from pipeline.failures import Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.data import Batch
from trainer.network import Network, build_network
from trainer.network.output_layers import outputs_of
from trainer.objective import HeadLoss, head_sums
from trainer.training.optimizer import is_matrix

MEMBERS, ROWS = 3, 10
LOSSES = {
    "label": tf.nn.sparse_softmax_cross_entropy_with_logits,
    "ends": lambda labels, logits: tf.nn.sigmoid_cross_entropy_with_logits(labels, logits[:, 0]),
    "left": lambda labels, logits: tf.square(logits[:, 0] - labels),
}

SPEC = """
name: members
inputs:
  colour: {kind: category, vocabulary: colours, embedding: 3, through: common}
  size: {kind: number}
vocabularies: {colours: {}, kinds: {}}
shared: {common: {units: 4, phases: {every: 1}}}
memory: {by_colour: {of: [colour]}}
trunk: {layers: [8, 4], members: 3, dropout: 0.1}
heads:
  kind: {kind: classification, vocabulary: kinds}
  price: {kind: regression, memory: [by_colour]}
  sold: {kind: binary, inputs: [size]}
split: {by: hash, columns: [row], eval: 0.3, test: 0}
training: {epochs: 3, batch_size: 32, learning_rate: 0.01, patience: null}
"""


def spec_of(trunk: str) -> Spec:
    return tiny_spec(replace={"trunk: {layers: [8]}": f"trunk: {{{trunk}}}"})


def network_of(spec: Spec) -> Network:
    zeros = {name: np.zeros(n) for name, n in outputs_of(spec, ENTRIES).items()}
    return build_network(spec, ENTRIES, zeros, seed=1)


def batch_of(rows: int) -> Batch:
    draw = np.random.default_rng(5)
    features = {
        "word": tf.constant(draw.integers(ENTRIES["words"], size=rows), tf.int32),
        "before": tf.constant(draw.integers(ENTRIES["words"], size=(rows, 4)), tf.int32),
        "size": tf.constant(draw.normal(size=rows), tf.float32),
        "size.missing": tf.zeros(rows),
    }
    targets = {
        "label": tf.constant(draw.integers(ENTRIES["labels"], size=rows), tf.int32),
        "kind": tf.constant(draw.integers(ENTRIES["kinds"], size=rows), tf.int32),
        "ends": tf.constant(draw.integers(2, size=rows), tf.float32),
        "left": tf.constant(draw.normal(size=rows), tf.float32),
    }
    return Batch(features, targets, tf.constant(draw.random(rows), tf.float32), {}, {})


def own_trunks(network: Network, joined: tf.Tensor) -> np.ndarray:
    """[members, batch, width], each member's layers as the formula of dense layers has them."""
    found = []
    for member in range(MEMBERS):
        hidden = joined.numpy()
        for place in range(2):
            kernel, bias = network.body.get_layer(f"trunk.{place}").get_weights()
            hidden = np.maximum(hidden @ kernel[member] + bias[member], 0)
        found.append(hidden)
    return np.stack(found)


def joined_in(network: Network, batch: Batch) -> tf.Tensor:
    """What goes into the first layer."""
    first = network.body.get_layer("trunk.0").input
    return keras.Model(network.body.input, first)(batch.features)


def test_the_body_gives_the_mean_and_steps_see_each_member() -> None:
    network, batch = network_of(spec_of(f"layers: [8, 5], members: {MEMBERS}")), batch_of(ROWS)
    each = own_trunks(network, joined_in(network, batch))
    assert np.ptp(each, axis=0).max() > 0.1  # no two start alike
    for name in network.heads:
        np.testing.assert_allclose(
            network.body(batch.features)[name], each.mean(axis=0), rtol=1e-4, atol=1e-6
        )
        learning = network.learning(batch.features)[name]
        np.testing.assert_allclose(learning, each.transpose(1, 0, 2), rtol=1e-4, atol=1e-6)


def test_the_loss_of_a_row_is_the_mean_of_what_each_member_loses() -> None:
    network, batch = network_of(spec_of(f"layers: [8, 5], members: {MEMBERS}")), batch_of(ROWS)
    each = own_trunks(network, joined_in(network, batch))
    sums = head_sums(network, dict.fromkeys(network.heads, HeadLoss(1, 1)), batch, training=False)
    for name, loss in LOSSES.items():
        kernel, bias = network.heads[name].weights()
        losses = [
            loss(labels=batch.targets[name], logits=hidden @ tf.transpose(kernel) + bias)
            for hidden in each
        ]
        expected = tf.reduce_sum(tf.reduce_mean(losses, axis=0) * batch.weights)
        np.testing.assert_allclose(sums[name].total, expected, rtol=1e-5)
        np.testing.assert_allclose(tf.reduce_sum(sums[name].weights), sum(batch.weights), rtol=1e-5)


def test_members_that_are_alike_are_one_trunk() -> None:
    """With the weights of one trunk in each: the same vectors and the same loss."""
    one, several = (network_of(spec_of(f"layers: [8, 5], members: {n}")) for n in (1, MEMBERS))
    batch = batch_of(ROWS)
    for layer in one.body.layers:
        times = MEMBERS if layer.name in ("trunk.0", "trunk.1") else 0
        own = [np.stack([of] * times) if times else of for of in layer.get_weights()]
        several.body.get_layer(layer.name).set_weights(own)
    for name, head in one.heads.items():
        several.heads[name].kernel.assign(head.kernel)
    losses = dict.fromkeys(one.heads, HeadLoss(1, 1))
    totals = [head_sums(n, losses, batch, training=False) for n in (one, several)]
    for name in one.heads:
        hidden = [n.body(batch.features)[name] for n in (one, several)]
        np.testing.assert_allclose(hidden[0], hidden[1], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(totals[0][name].total, totals[1][name].total, rtol=1e-4)


def test_kernels_of_members_decay_and_their_biases_do_not() -> None:
    network = network_of(spec_of(f"layers: [8, 5], members: {MEMBERS}"))
    decays = {v.name: is_matrix(v) for v in network.groups["trunk"]}
    assert decays == {
        "trunk.0/kernel:0": True,
        "trunk.0/bias:0": False,
        "trunk.1/kernel:0": True,
        "trunk.1/bias:0": False,
    }


@pytest.mark.parametrize(
    ("trunk", "says"),
    [
        ("members: 2", "trunk.members: needs `layers`"),
        ("layers: [8], members: 0", "greater than or equal to 1"),
        ("layers: [8], members: 65", "less than or equal to 64"),
    ],
)
def test_what_cannot_be_is_refused(trunk: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        spec_of(trunk)


def test_layers_may_be_left_to_auto_unless_the_trunk_reads_nothing() -> None:
    text = SPEC.replace("layers: [8, 4], members: 3, dropout: 0.1", "members: 3")
    text = text[: text.index("training:")]
    assert parse_spec(text).trunk.members == 3
    with pytest.raises(Failure, match=r"trunk\.members: needs `layers`"):
        parse_spec(text.replace("members: 3", "members: 3, inputs: []"))


def test_a_list_that_is_learned_at_every_place_has_one_trunk() -> None:
    text = """
vocabularies: {items: {}}
inputs: {items: {kind: sequence, vocabulary: items, length: 5}}
heads: {next: {kind: classification, vocabulary: items, next_of: items}}
name: lists
split: {by: last}
trunk: {layers: [8], members: 2}
"""
    with pytest.raises(Failure, match=r"trunk.members: beside a head with `next_of`"):
        parse_spec(text)


def test_members_learn_take_phases_and_are_exported(tmp_path: Path) -> None:
    """With a head that reads averages of a memory beside them, and one that does not read them."""
    draw, count = np.random.default_rng(1), 400
    colour, size = draw.integers(5, size=count), draw.normal(size=count).round(3)
    columns = {
        "row": [str(at) for at in range(count)],
        "colour": [f"c{one}" for one in colour],
        "size": size,
        "kind": [f"k{one % 3}" for one in colour],
        "price": colour + size,
        "sold": size > 0,
    }
    made = through_all_stages(parse_spec(SPEC), pa.table(columns), tmp_path / "out")
    assert read_json(made / "model" / "certificate.json")["rows"] >= count / 2
    found = read_json(made / "run" / "metrics.json")["eval"]
    assert found["kind"]["accuracy@1"] > 0.5
    assert found["price"]["root_mean_squared_error"] < np.std(colour + size)
