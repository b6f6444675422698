"""The heads' losses as sums over rows, and the one number that training makes small.

Sums and weights stay apart, so that each caller divides by its own count: an ordinary step by the
expected weight of a batch (an unbiased gradient, whatever is missing in the batch), evaluation and
phases by the exact weight of the rows they look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kinds.heads.classification.spec import Classification
from pipeline.spec import Spec
from trainer.data import Batch
from trainer.network import Network
from trainer.network.heads import Head, head_input, kernel_rows, logits
from trainer.objective.losses import (
    binary_rows,
    deviance_rows,
    known,
    multilabel_rows,
    sets_there,
    softmax_sum,
    squared_rows,
)
from trainer.objective.sampling import Negatives, sampled_softmax_rows
from trainer.targets import SMALLEST_LOSS, Target


@dataclass(frozen=True)
class HeadLoss:
    """How a head's loss counts: `scale` times its mean, each row `class_weights[label]` times.
    `products`: see `losses.softmax_sum`."""

    scale: float
    share: float
    smoothing: float = 0.0
    class_weights: np.ndarray | None = None
    products: tf.DType = tf.float32


class HeadSum(NamedTuple):
    """Over a batch: the weighted sum of a head's losses, float32 and differentiable; the rows'
    losses [batch] without a gradient; and the rows' weights [batch], 0 where the target is
    missing."""

    total: tf.Tensor
    losses: tf.Tensor
    weights: tf.Tensor


def head_losses(spec: Spec, targets: Mapping[str, Target]) -> dict[str, HeadLoss]:
    """Losses on one scale: the spec's weight over the loss of the best constant prediction.

    Where that is next to nothing, the head stays on its own scale.
    """
    made = {}
    for name, head in spec.heads.items():
        target = targets[name]
        own = spec.training.balance == "none" or target.constant_loss < SMALLEST_LOSS
        scale = head.weight / (1.0 if own else target.constant_loss)
        smoothing = head.label_smoothing if isinstance(head, Classification) else 0.0
        made[name] = HeadLoss(scale, target.share, smoothing, target.class_weights)
    return made


def head_sums(
    network: Network,
    losses: Mapping[str, HeadLoss],
    batch: Batch,
    *,
    training: bool,
    drawn: Mapping[str, Negatives] | None = None,
) -> dict[str, HeadSum]:
    """One pass of the network over a batch; the heads in `drawn` sum over these classes only."""
    hidden = network.learning(batch.features, training=training)
    drawn = drawn or {}
    return {
        name: head_sum(head, losses[name], hidden[name], batch, drawn.get(name))
        for name, head in network.heads.items()
    }


def head_sum(
    head: Head, loss: HeadLoss, hidden: tf.Tensor, batch: Batch, drawn: Negatives | None = None
) -> HeadSum:
    """The sum of one head, whose vectors of the body are `hidden` [batch, width]."""
    weights = head_weights(head, loss, batch)
    targets = batch.targets[head.name]
    if head.kind == "multilabel":
        return _sum(multilabel_rows(logits(head, hidden), targets), weights)
    target, _ = known(targets)
    if drawn is not None:
        # The place of a missing target is taken by a drawn class: no other row is to move for it.
        target = tf.where(weights > 0, target, drawn.ids[0])
        layer = (head_input(head, hidden), head.kernel, head.bias)
        return _sum(sampled_softmax_rows(*layer, target, drawn, loss.products), weights)
    if head.kind == "classification":
        x, kernel = head_input(head, hidden), kernel_rows(head)
        bias = tf.convert_to_tensor(head.bias)
        total, losses = softmax_sum(x, kernel, bias, target, weights, loss.smoothing, loss.products)
        return HeadSum(total, losses, weights)
    value = tf.squeeze(logits(head, hidden), axis=1)
    rows = {"binary": binary_rows, "regression": squared_rows, "count": deviance_rows}[head.kind]
    return _sum(rows(value, target), weights)


def head_weights(head: Head, loss: HeadLoss, batch: Batch) -> tf.Tensor:
    """[batch] how much each row counts for a head: its own weight times its class's, 0 where the
    target is missing."""
    targets = batch.targets[head.name]
    if head.kind == "multilabel":
        return batch.weights * sets_there(targets)
    target, there = known(targets)
    weights = batch.weights * there
    if loss.class_weights is None:
        return weights
    by_class = tf.constant(loss.class_weights, tf.float32)
    return weights * tf.gather(by_class, tf.cast(target, tf.int32))


def _sum(losses: tf.Tensor, weights: tf.Tensor) -> HeadSum:
    return HeadSum(tf.reduce_sum(losses * weights), tf.stop_gradient(losses), weights)


def expected_means(
    sums: Mapping[str, HeadSum], losses: Mapping[str, HeadLoss], batch_size: int
) -> dict[str, tf.Tensor]:
    """Sums over the weight that a batch has on average."""
    return {name: s.total / (batch_size * losses[name].share) for name, s in sums.items()}


def head_factor(network: Network, losses: Mapping[str, HeadLoss], name: str) -> tf.Tensor:
    """What a head's mean loss is multiplied by.

    With uncertainty also by exp(-s), s being learned (and halved for a squared error, where that is
    the likelihood of a normal distribution).
    """
    scale = tf.constant(losses[name].scale, tf.float32)
    if name not in network.uncertainty:
        return scale
    half = 0.5 if network.heads[name].kind == "regression" else 1.0
    return half * scale * tf.exp(-network.uncertainty[name])


def combined(
    network: Network, losses: Mapping[str, HeadLoss], means: Mapping[str, tf.Tensor]
) -> tf.Tensor:
    """The heads' mean losses as one number; with uncertainty plus s / 2, or the factors vanish."""
    parts = [head_factor(network, losses, name) * mean for name, mean in means.items()]
    return tf.add_n(parts + [s / 2 for s in network.uncertainty.values()])
