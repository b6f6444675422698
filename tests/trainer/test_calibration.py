"""Temperatures: found where they help, refused where they do not."""

import numpy as np
import pytest
import tensorflow as tf

from kinds.heads.classification.network import sums_at_temperature
from trainer.evaluation.calibration import fit_temperature, newton

CLASSES = 8


def overconfident(rows: int, factor: float, seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits that are `factor` times what their labels were drawn with."""
    draw = np.random.default_rng(seed)
    z = draw.normal(size=(rows, CLASSES)) * 2
    labels = (z + draw.gumbel(size=z.shape)).argmax(axis=1)
    return tf.constant(z * factor, tf.float32), tf.constant(labels, tf.int32)


def sums_of(z: tf.Tensor, labels: tf.Tensor, inverse: float) -> np.ndarray:
    at = tf.constant(inverse, tf.float32)
    return np.asarray(sums_at_temperature(z, labels, tf.ones(len(labels)), at))


def test_the_derivatives_are_those_of_the_loss() -> None:
    z, labels = overconfident(50, 3.0)
    h = 1e-3
    low, middle, high = (sums_of(z, labels, 0.7 + d) for d in (-h, 0, h))
    assert middle[2] == pytest.approx((high[1] - low[1]) / (2 * h), rel=1e-2)
    assert middle[3] == pytest.approx((high[2] - low[2]) / (2 * h), rel=1e-2)


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_newton_finds_the_temperature(factor: float) -> None:
    z, labels = overconfident(20_000, factor)
    inverse = newton(lambda at: sums_of(z, labels, at))
    assert 1 / inverse == pytest.approx(factor, rel=0.05)


def batches_of(*logits: tuple[tf.Tensor, tf.Tensor]) -> tf.data.Dataset:
    z, labels = (tf.stack(parts) for parts in zip(*logits, strict=True))
    return tf.data.Dataset.from_tensor_slices((z, labels))


def of_batches(inverse: float, batches: tf.data.Dataset) -> np.ndarray:
    return np.asarray(sum(sums_of(z, labels, inverse) for z, labels in batches))


def test_a_temperature_that_helps_on_other_batches_is_kept() -> None:
    batches = batches_of(overconfident(5_000, 3.0), overconfident(5_000, 3.0, seed=1))
    assert fit_temperature(of_batches, batches) == pytest.approx(3.0, rel=0.1)


def test_a_temperature_that_does_not_help_on_other_batches_is_refused() -> None:
    batches = batches_of(overconfident(5_000, 3.0), overconfident(5_000, 0.5, seed=1))
    assert fit_temperature(of_batches, batches) == 1.0
