"""Training at every place of a list gives what rows that end at each place give, in one pass."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from test_model import network_of
from tiny_data import WORDS

from kinds.heads.classification import softmax
from kinds.heads.classification.softmax import softmax_sum
from pipeline.failures import Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.data import Batch
from trainer.network import Network
from trainer.objective import HeadLoss, head_sums

PADDING, PLACES = WORDS + 1, 6
LISTS = [[3, 1, 4, 1, 5, 2], [2, 7, 1], [6]]
NEXT = [[1, 4, 1, 5, 2, 0], [7, 1, 8], [-1]]
SIZES = [0.5, -1.0, 2.0]

SPEC = """
name: places
vocabularies: {words: {}}
shared: {common: {layers: [5]}}
inputs:
  items: {kind: sequence, vocabulary: words, embedding: 4, length: 6, combine: transformer,
          units: 6, attention_heads: 2}
  recent: {kind: sequence, column: items, vocabulary: words, embedding: 4, through: common,
           length: 3, combine: HOW}
  size: {kind: number}
trunk: {cross_layers: 1, layers: [8, 4]}
heads:
  next: {kind: classification, vocabulary: words, next_of: items, HEAD}
split: {by: row}
"""

OTHER_LIST = "{kind: sequence, vocabulary: words, embedding: 4, length: 2}"


def spec_of(how: str = "mean", head: str = "tied: words") -> Spec:
    units = "lstm, units: 3" if how == "lstm" else how
    return parse_spec(SPEC.replace("HOW", units).replace("HEAD", head))


def padded(lists: list[list[int]], padding: int, length: int) -> Any:
    return tf.constant([([padding] * length + row)[-length:] for row in lists], tf.int32)


def batch_of(lists: list[list[int]], targets: list[list[int]], sizes: list[float]) -> Batch:
    features = {
        "items": padded(lists, PADDING, PLACES),
        "recent": padded(lists, PADDING, 3),
        "size": tf.constant(sizes, tf.float32),
        "size.missing": tf.zeros(len(sizes)),
    }
    places = dict.fromkeys(("items", "recent"), padded(lists, PADDING, PLACES))
    places["next"] = padded(targets, -1, PLACES)
    return Batch(
        features,
        {"next": tf.constant([t[-1] for t in targets], tf.int32)},
        tf.ones(len(sizes)),
        places,
        {},
    )


def expanded() -> Batch:
    """A row for each place that has a target, without more places."""
    places = [(i, end) for i, row in enumerate(LISTS) for end in range(1, len(row) + 1)]
    lists = [LISTS[i][:end] for i, end in places]
    made = batch_of(lists, [[NEXT[i][end - 1]] for i, end in places], [SIZES[i] for i, _ in places])
    return made._replace(places={})


def sums_and_gradients(network: Network, batch: Batch) -> tuple[Any, list[Any]]:
    losses = {"next": HeadLoss(1.0, 1.0)}
    with tf.GradientTape() as tape:
        if batch.places:
            total = head_sums(network, losses, batch, training=False)["next"].total
        else:
            hidden = network.body(batch.features, training=False)["next"]
            layer, target = network.heads["next"], batch.targets["next"]
            weights = tf.where(target < 0, 0.0, 1.0)
            parts = (layer.input(hidden), *layer.learned_weights())
            total = softmax_sum(*parts, tf.maximum(target, 0), weights)[0]
    found = tape.gradient(total, network.variables(), unconnected_gradients="zero")
    return total, [tf.convert_to_tensor(gradient).numpy() for gradient in found]


@pytest.mark.parametrize("how", ["mean", "max", "attention", "lstm"])
def test_loss_and_gradients_are_those_of_a_row_for_each_place(how: str) -> None:
    network = network_of(spec_of(how))
    ours, own = sums_and_gradients(network, batch_of(LISTS, NEXT, SIZES))
    theirs, expected = sums_and_gradients(network, expanded())
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    for one, other in zip(own, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_head_with_inputs_of_its_own_has_them_at_every_place() -> None:
    network = network_of(spec_of(head="inputs: [items, size]"))
    ours, _ = sums_and_gradients(network, batch_of(LISTS, NEXT, SIZES))
    theirs, _ = sums_and_gradients(network, expanded())
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_padding_trains_nothing() -> None:
    """Under any targets that are missing the loss and its gradients stay 0."""
    network = network_of(spec_of())
    nothing = batch_of(LISTS, [[-1] * len(row) for row in LISTS], SIZES)
    losses = {"next": HeadLoss(1.0, 1.0)}

    @tf.function
    def found() -> list[Any]:
        with tf.GradientTape() as tape:
            total = head_sums(network, losses, nothing, training=False)["next"].total
        variables = network.variables()
        return [total, *tape.gradient(total, variables, unconnected_gradients="zero")]

    assert not any(tf.convert_to_tensor(value).numpy().any() for value in found())


def test_any_number_of_rows_has_the_softmax_of_one_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """300 rows in slices of 128."""
    monkeypatch.setattr(softmax, "LOGITS_AT_ONCE", 1)
    draw = np.random.default_rng(2)
    kernel, bias = (tf.Variable(draw.normal(size=s), dtype=tf.float32) for s in ((7, 3), (7,)))
    labels = tf.constant(draw.integers(7, size=300), tf.int32)
    weights = tf.constant(draw.random(300), tf.float32)

    @tf.function
    def found(x: tf.Variable) -> list[Any]:
        with tf.GradientTape() as tape:
            total, losses = softmax_sum(tf.convert_to_tensor(x), kernel, bias, labels, weights)
        return [total, losses, *tape.gradient(total, [x, kernel, bias])]

    start = draw.normal(size=(300, 3)).astype(np.float32)
    known, unknown = (found(tf.Variable(start, shape=shape)) for shape in ([300, 3], [None, 3]))
    for one, other in zip(unknown, known, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("next_of: items", "next_of: size", "must be a sequence without weights"),
        ("next_of: items", "next_of: other", "no input is called"),
        ("{kind: number}", OTHER_LIST, "a sequence must read the same list"),
        ("tied: words", "inputs: [size]", "the head must read an input of that list"),
        ("{by: row}", "{by: last, eval: 2}", "one element is held out"),
        ("{by: row}", "{by: last, order: at}", "`columns` and `order` go together"),
        ("heads:\n", "memory: auto\nheads:\n  sold: {kind: binary}\n", "no averages of a memory"),
        ("heads:\n", "heads:\n  sold: {kind: binary}\n", "puts each row on every side"),
    ],
)
def test_what_would_show_the_answer_or_means_nothing_is_refused(
    old: str, new: str, said: str
) -> None:
    text = SPEC.replace("HOW", "mean").replace("HEAD", "tied: words")
    text = text.replace("{by: row}", "{by: last}") if "every side" in said else text
    assert old in text
    with pytest.raises(Failure, match=said):
        parse_spec(text.replace(old, new))
