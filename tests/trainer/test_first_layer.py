"""The body as training computes it is the stock body, with fewer multiplications."""

import numpy as np
import pytest
import tensorflow as tf
from test_model import features, network_of
from tiny_data import tiny_spec

from pipeline.spec import Spec
from trainer.network import Network

PLAIN_WORD = {
    "vocabulary: words, embedding: 4, through: common}": "vocabulary: words, embedding: 4}"
}
SPECS = {
    "all inputs through the block": tiny_spec(),
    "one of them": tiny_spec(replace=PLAIN_WORD),
    "two layers and dropout": tiny_spec(replace={"[8]}": "[8, 6], dropout: 0.5}"}),
    "no bias": tiny_spec(replace={"[8]}": "[{units: 8, activation: tanh, bias: false}]}"}),
}


def outputs_and_gradients(network: Network, rows: int, *, stock: bool) -> list[np.ndarray]:
    body = network.body if stock else network.learning
    with tf.GradientTape() as tape:
        hidden = body(features(rows), training=False)["label"]
        pull = tf.constant(np.random.default_rng(1).normal(size=hidden.shape), tf.float32)
        total = tf.reduce_sum(hidden * pull)
    found = tape.gradient(total, network.variables(), unconnected_gradients="zero")
    return [hidden.numpy(), *(tf.convert_to_tensor(g).numpy() for g in found)]


@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_values_and_gradients_are_those_of_the_stock_body(spec: Spec, rows: int) -> None:
    network = network_of(spec)
    assert network.learning is not network.body
    ours, theirs = (outputs_and_gradients(network, rows, stock=s) for s in (False, True))
    for own, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-4, atol=1e-6)


def test_both_draw_the_same_dropout() -> None:
    spec = SPECS["two layers and dropout"]
    hidden = []
    for stock in (True, False):
        network = network_of(spec)
        body = network.body if stock else network.learning
        hidden.append(body(features(9), training=True)["label"].numpy())
    np.testing.assert_allclose(hidden[0], hidden[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{units: 5}", "{layers: [{units: 5, activation: relu}]}"),
        ("{units: 5}", "{layers: [{units: 5, activation: null, bias: true}]}"),
        ("{units: 5}", "{units: 2}"),
        ("[8]}", "[8], input_dropout: 0.1}"),
        ("trunk: {layers: [8]}\n", ""),
        ("label: {", "label: {inputs: [word], "),
        ("batch_size: 16", "batch_size: 4"),
    ],
    ids=["curved", "bias", "narrow", "dropout between", "no trunk", "own inputs", "small batch"],
)
def test_the_stock_body_learns_where_another_order_is_not_the_same_or_not_cheaper(
    old: str, new: str
) -> None:
    network = network_of(tiny_spec(replace={old: new}))
    assert network.learning is network.body
