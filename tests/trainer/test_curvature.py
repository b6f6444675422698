"""K-FAC's two factors are the moments that its sources define, for every kind of head."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tiny_data import ENTRIES, tiny_examples, write_data

from pipeline.spec.file import parse_spec
from trainer.data_folder import read_data
from trainer.phases.curvature import curvature_sums, make_curvature_pass, mean_curvature
from trainer.phases.descent.kfac import Curvature, Factors
from trainer.run import Run, open_run

Array = NDArray[np.float64]

SPEC = """
name: tiny
vocabularies: {{{vocabularies}}}
shared: {{common: {{{block}}}}}
inputs: {{{inputs}}}
heads: {{{head}}}
split: {{by: hash, columns: [word]}}
training: {{batch_size: 16, balance: none}}
"""
WORD = "word: {kind: category, vocabulary: words, embedding: 4, through: common}"
LABEL = "label: {kind: classification, vocabulary: labels}"


def run_of(folder: Path, head: str, inputs: str = WORD, block: str = "units: 5") -> Run:
    names = ["words"] + ["labels"] * ("labels" in head)
    vocabularies = ", ".join(f"{name}: {{}}" for name in names)
    spec = parse_spec(SPEC.format(vocabularies=vocabularies, inputs=inputs, head=head, block=block))
    rows = {"train": tiny_examples(70, seed=0), "eval": tiny_examples(20, seed=1)}
    entries = {name: ENTRIES[name] for name in names}
    return open_run(read_data(write_data(folder, spec, rows, entries=entries)), spec)[0]


def curvature(run: Run) -> Factors:
    [found] = curvatures(run)
    return found


def curvatures(run: Run) -> Curvature:
    [found] = by_seed(run, [1])
    return found


def by_seed(run: Run, seeds: Iterable[int]) -> list[Curvature]:
    """What each seed finds, by one pass: to trace it takes far longer than to run it."""
    taps = run.network.taps("common")
    one_pass = make_curvature_pass(run.network, taps, run.losses, run.signature())
    totals = tf.constant([float(known(run).sum())], tf.float64)
    sample, shapes = list(enumerate(run.batches("train"))), taps.shapes()
    return [
        mean_curvature(curvature_sums(one_pass, sample, totals, seed, shapes), 1.0)
        for seed in seeds
    ]


def known(run: Run) -> NDArray[np.bool_]:
    """[train rows] where the one head has a target."""
    [name] = run.network.heads
    target = run.collect("train")[name]
    return np.asarray(~np.isnan(target) if target.dtype.kind == "f" else target >= 0)


def double(variable: tf.Variable) -> Array:
    return np.asarray(variable.numpy(), np.float64)


def embedded(run: Run) -> Array:
    """float64 [train rows, 4]: what goes into the shared matrix."""
    [table] = run.network.groups["tables"]
    return double(table)[run.collect("train")["word"]]


def head_weights(run: Run) -> Array:
    [head] = run.network.heads.values()
    return double(head.kernel)


def test_the_inputs_factor_is_the_mean_square_of_what_goes_in(tmp_path: Path) -> None:
    run = run_of(tmp_path / "data", "left: {kind: regression}")
    x = embedded(run)
    np.testing.assert_allclose(curvature(run).inputs, x.T @ x / len(x), rtol=1e-5)


def test_a_squared_error_has_its_exact_second_derivative(tmp_path: Path) -> None:
    run = run_of(tmp_path / "data", "left: {kind: regression}")
    v = head_weights(run)
    np.testing.assert_allclose(curvature(run).gradients, 2 * v.T @ v, rtol=1e-4)


def test_a_sigmoid_has_the_mean_of_its_second_derivatives(tmp_path: Path) -> None:
    run = run_of(tmp_path / "data", "ends: {kind: binary}")
    [matrix] = run.network.groups["shared.common"]
    [head] = run.network.heads.values()
    v = head_weights(run)
    logits = embedded(run) @ double(matrix) @ v.T + head.bias.numpy()
    p = (1 / (1 + np.exp(-logits[:, 0])))[known(run)]
    expected = (p * (1 - p)).mean() * v.T @ v
    np.testing.assert_allclose(curvature(run).gradients, expected, rtol=1e-4)


def test_drawn_labels_give_the_fisher_information_of_a_softmax(tmp_path: Path) -> None:
    run = run_of(tmp_path / "data", LABEL)
    [head] = run.network.heads.values()
    head.kernel.assign(np.random.default_rng(0).normal(size=head.kernel.shape))
    [matrix] = run.network.groups["shared.common"]
    kernel = head_weights(run)
    hidden = embedded(run) @ double(matrix)
    logits = hidden @ kernel.T + head.bias.numpy()
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = (p / p.sum(axis=1, keepdims=True))[known(run)]
    fisher = np.mean([kernel.T @ (np.diag(q) - np.outer(q, q)) @ kernel for q in p], axis=0)
    drawn = np.mean([found.gradients for [found] in by_seed(run, range(60))], axis=0)
    error = np.linalg.norm(drawn - fisher) / np.linalg.norm(fisher)
    # 60 draws for each of some 56 rows: the mean is within a few per cent of what it estimates.
    assert error < 0.1


def test_the_order_of_the_places_that_share_a_matrix_changes_nothing(tmp_path: Path) -> None:
    sequence = "before: {kind: sequence, vocabulary: words, length: 4, embedding: 4, "
    inputs = sequence + "through: common, combine: sum}"
    run = run_of(tmp_path / "data", "left: {kind: regression}", inputs)
    one_pass = make_curvature_pass(
        run.network, run.network.taps("common"), run.losses, run.signature()
    )
    totals, seed = tf.constant([1.0], tf.float64), tf.constant([1, 2])
    batch = next(iter(run.batches("train")))
    turned = {"before": batch.features["before"][:, ::-1]}
    for one, other in zip(
        one_pass(batch, totals, seed),
        one_pass(batch._replace(features=turned), totals, seed),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_each_layer_of_a_network_has_the_moments_of_its_own_sums(tmp_path: Path) -> None:
    network = "layers: [{units: 3, activation: tanh}, {units: 5, activation: null, bias: false}]"
    run = run_of(tmp_path / "data", "left: {kind: regression}", block=network)
    first, bias, second = map(double, run.network.groups["shared.common"])
    x, v = embedded(run), head_weights(run)
    middle = np.tanh(x @ first + bias)
    with_one = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    # The gradient of a row with a target by the first sums: 1 - tanh^2 is tanh's derivative.
    back = ((v @ second.T) * (1 - middle**2))[known(run)]
    one, other = curvatures(run)
    np.testing.assert_allclose(one.inputs, with_one.T @ with_one / len(x), rtol=1e-4)
    np.testing.assert_allclose(one.gradients, 2 * back.T @ back / len(back), rtol=1e-4)
    np.testing.assert_allclose(other.inputs, middle.T @ middle / len(x), rtol=1e-4)
    np.testing.assert_allclose(other.gradients, 2 * v.T @ v, rtol=1e-4)
