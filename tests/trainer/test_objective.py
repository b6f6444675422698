"""The properties that the heads' losses promise, on a network with every kind of head."""

from typing import Any

import numpy as np
import tensorflow as tf
from tiny_data import ENTRIES, KINDS, LABELS, LENGTH, WORDS, floats, tiny_spec

from kinds.heads.any.metrics import TrainTargets
from kinds.heads.any.network import Negatives
from kinds.heads.any.priors import Prior
from pipeline.spec import Spec
from trainer.data import Batch
from trainer.network import Network, build_network
from trainer.network.output_layers import outputs_of
from trainer.objective import (
    HeadLoss,
    combined,
    expected_means,
    head_losses,
    head_sums,
    prior_of,
)

ROWS = 40


def spec_of(**training: str) -> Spec:
    extra = ["clicks: {kind: count}", "tags: {kind: multilabel, vocabulary: kinds}"]
    heads = "left: {kind: regression, weight: 3.0}\n  " + "\n  ".join(extra)
    text = ", ".join(f"{k}: {v}" for k, v in {"epochs": "3", **training}.items())
    return tiny_spec(replace={"left: {kind: regression}": heads, "epochs: 3": text})


def network_of(spec: Spec, bias: dict[str, np.ndarray] | None = None) -> Network:
    zeros = {name: np.zeros(n) for name, n in outputs_of(spec, ENTRIES).items()}
    return build_network(spec, ENTRIES, zeros | (bias or {}), seed=1)


def batch_of(rows: int, *, missing: bool) -> Batch:
    draw = np.random.default_rng(5)
    features = {
        "word": draw.integers(WORDS + 2, size=rows),
        "before": draw.integers(WORDS + 2, size=(rows, LENGTH)),
        "size": floats(draw.normal(size=rows)),
        "size.missing": np.zeros(rows, np.float32),
    }
    targets: dict[str, np.ndarray] = {
        "label": draw.integers(LABELS + 1, size=rows),
        "kind": draw.integers(KINDS + 1, size=rows),
        "ends": floats(draw.integers(2, size=rows)),
        "left": floats(draw.normal(size=rows)),
        "clicks": floats(draw.poisson(2, size=rows)),
        "tags": np.where(draw.random((rows, KINDS)) < 0.5, np.arange(KINDS), -2),
    }
    if missing:
        for values in targets.values():
            values[::3] = np.nan if values.dtype == np.float32 else -1
    weights = tf.constant(draw.random(rows), tf.float32)
    return Batch(_tensors(features), _tensors(targets), weights, {}, {})


def _tensors(arrays: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {
        n: tf.constant(v, tf.float32 if v.dtype == np.float32 else tf.int32)
        for n, v in arrays.items()
    }


def rows_of(batch: Batch, kept: np.ndarray) -> Batch:
    taken: Batch = tf.nest.map_structure(lambda t: tf.boolean_mask(t, kept), batch)
    return taken


ONE = HeadLoss(1.0, 1.0)


def gradients(network: Network, spec: Spec, batch: Batch) -> list[tf.Tensor]:
    losses = dict.fromkeys(spec.heads, ONE)
    with tf.GradientTape() as tape:
        means = expected_means(head_sums(network, losses, batch, training=False), losses, 1)
        total = combined(network, losses, means)
    found = tape.gradient(total, network.variables())
    return [tf.convert_to_tensor(g) for g in found]


def test_masked_rows_equal_filtered_rows() -> None:
    spec = spec_of()
    network, batch = network_of(spec), batch_of(ROWS, missing=True)
    there = np.arange(ROWS) % 3 > 0
    masked = gradients(network, spec, batch)
    filtered = gradients(network, spec, rows_of(batch, there))
    for one, other in zip(masked, filtered, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_head_without_any_target_has_exactly_no_gradient() -> None:
    spec = spec_of()
    network = network_of(spec)
    batch = rows_of(batch_of(ROWS, missing=True), np.arange(ROWS) % 3 == 0)
    for variable, gradient in zip(
        network.variables(), gradients(network, spec, batch), strict=True
    ):
        assert not gradient.numpy().any(), variable.name


def test_one_head_without_targets_leaves_the_others_as_they_are() -> None:
    spec = spec_of()
    network, batch = network_of(spec), batch_of(ROWS, missing=False)
    without = batch._replace(targets=batch.targets | {"left": tf.fill([ROWS], np.nan)})
    losses = dict.fromkeys(spec.heads, ONE)
    all_sums, some = (head_sums(network, losses, b, training=False) for b in (batch, without))
    for name in spec.heads:
        expected = 0.0 if name == "left" else float(all_sums[name].total)
        assert float(some[name].total) == expected


def test_with_zero_kernels_the_first_loss_is_the_entropy() -> None:
    spec = spec_of()
    batch = batch_of(ROWS, missing=True)
    columns: dict[str, Any] = {n: v.numpy() for n, v in batch.targets.items()}
    columns |= {"row.weight": batch.weights.numpy()}
    priors: dict[str, Prior] = {}
    for name in ("label", "kind", "ends"):
        outputs = outputs_of(spec, ENTRIES)[name]
        priors[name] = prior_of(spec.heads[name], TrainTargets(name, columns, outputs))
    network = network_of(spec, {name: p.bias for name, p in priors.items()})
    losses = dict.fromkeys(spec.heads, ONE)
    for head in network.heads.values():
        head.kernel.assign(tf.zeros_like(head.kernel))
    sums = head_sums(network, losses, batch, training=True)
    for name, prior in priors.items():
        mean = float(sums[name].total / tf.reduce_sum(sums[name].weights))
        y, w = columns[name], columns["row.weight"]
        known = ~np.isnan(y) & (y >= 0)
        p = np.bincount(y[known].astype(int), w[known]) / w[known].sum()
        np.testing.assert_allclose(mean, -(p * np.log(p)).sum(), atol=1e-5)
        np.testing.assert_allclose(prior.constant_loss, mean, atol=1e-5)
        share = w[known].sum() / ROWS
        np.testing.assert_allclose(prior.share, share, rtol=1e-6)


def test_class_weights_are_weights_of_rows() -> None:
    spec = spec_of()
    network, batch = network_of(spec), batch_of(ROWS, missing=False)
    by_class = np.array([1.0, 0.0, 3.0, 1.0])
    weighted = dict.fromkeys(spec.heads, ONE) | {"kind": HeadLoss(1.0, 1.0, by_class)}
    found = head_sums(network, weighted, batch, training=False)["kind"]
    expected = batch.weights.numpy() * by_class[batch.targets["kind"].numpy()]
    np.testing.assert_allclose(found.weights, expected)
    np.testing.assert_allclose(found.total, found.losses.numpy() @ expected, rtol=1e-5)


def prior(loss: float) -> Prior:
    return Prior(np.zeros(1), loss, 0.5)


def test_a_head_counts_its_weight_over_what_the_constant_predictor_loses() -> None:
    spec = spec_of()
    priors = dict.fromkeys(spec.heads, prior(2.0)) | {"ends": prior(0.0)}
    losses = head_losses(spec, priors)
    assert losses["label"].scale == 0.5
    assert losses["left"].scale == 1.5
    assert losses["ends"].scale == 1.0
    unscaled = head_losses(spec_of(balance="none"), priors)
    assert (unscaled["label"].scale, unscaled["left"].scale) == (1.0, 3.0)


def test_uncertainty_settles_where_a_heads_weight_is_one_over_its_loss() -> None:
    spec = spec_of(balance="uncertainty")
    network = network_of(spec)
    losses = dict.fromkeys(spec.heads, ONE)
    means = {name: tf.constant(0.2) for name in spec.heads}
    for name, s in network.uncertainty.items():
        s.assign(np.log(0.2) if name == "left" else np.log(0.4))
    with tf.GradientTape() as tape:
        total = combined(network, losses, means)
    for gradient in tape.gradient(total, list(network.uncertainty.values())):
        np.testing.assert_allclose(gradient, 0, atol=1e-6)
    assert {id(s) for s in network.uncertainty.values()} <= {id(v) for v in network.variables()}


def test_a_missing_target_touches_no_row_of_a_sampled_head_but_what_was_drawn() -> None:
    spec = spec_of()
    network, losses = network_of(spec), dict.fromkeys(spec.heads, ONE)
    labels = np.array([2, -1, 3, -1], np.int32)
    batch = rows_of(batch_of(ROWS, missing=False), np.arange(ROWS) < len(labels))
    batch = batch._replace(targets=batch.targets | {"label": tf.constant(labels)})
    drawn = {"label": Negatives(tf.constant([4, 4, 5]), tf.zeros([3]))}
    with tf.GradientTape() as tape:
        total = head_sums(network, losses, batch, training=True, drawn=drawn)["label"].total
    rows = tape.gradient(total, network.heads["label"].kernel).indices.numpy()
    assert set(rows.tolist()) == {2, 3, 4, 5}
