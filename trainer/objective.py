"""The heads' losses as sums over rows, and the one number that training makes small.

Sums and weights stay apart, so that each caller divides by its own count: a train step by the
expected weight of a batch (an unbiased gradient, whatever is missing in the batch), evaluation and
phases by the exact weight of the rows they look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kinds.heads.any.metrics import TrainTargets
from kinds.heads.any.network import HeadSum, LossRows, Negatives, OutputLayer
from kinds.heads.any.priors import Prior
from kinds.heads.network import KINDS
from kinds.row_sums import has_gpu
from pipeline.failures import Exit, Failure
from pipeline.spec import Head, Spec
from trainer.data import Batch, place_name
from trainer.network import Network

SMALLEST_LOSS = 1e-3


@dataclass(frozen=True)
class HeadLoss:
    """How a head's loss counts: `scale` times its mean, each row `class_weights[label]` times.
    `products`: the type of what its large products multiply."""

    scale: float
    share: float
    class_weights: np.ndarray | None = None
    products: tf.DType = tf.float32


def prior_of(head: Head, train: TrainTargets) -> Prior:
    """What the train targets say. Raises Failure with exit code 2 where no row has one."""
    prior = KINDS[head.kind].prior(head, train)
    if not prior.share > 0:
        rule = f"heads.{train.name}: some row of the train split must have a target (and a weight)"
        raise Failure(Exit.USAGE, rule, received="none")
    return prior


def head_losses(spec: Spec, priors: Mapping[str, Prior]) -> dict[str, HeadLoss]:
    """Losses on one scale: the spec's weight over the loss of the best constant prediction.

    Where that is next to nothing, the head stays on its own scale.
    """
    made = {}
    for name, head in spec.heads.items():
        prior = priors[name]
        own = spec.training.balance == "none" or prior.constant_loss < SMALLEST_LOSS
        scale = head.weight / (1.0 if own else prior.constant_loss)
        made[name] = HeadLoss(scale, prior.share, prior.class_weights)
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
    hidden = network.learning(given(batch), training=training)
    drawn = drawn or {}
    return {
        name: head_sum(head, losses[name], hidden[name], batch, drawn.get(name))
        for name, head in network.heads.items()
    }


def head_sum(
    head: OutputLayer,
    loss: HeadLoss,
    hidden: tf.Tensor,
    batch: Batch,
    drawn: Negatives | None = None,
) -> HeadSum:
    """The sum of one head, whose vectors of the body are `hidden` [batch, width], or [batch,
    places, width] where it is trained at every place of a list, or [batch, members, width]: then
    it is the mean of the members' sums."""
    weights, targets = head_weights(head, loss, batch), _targets(head, batch)
    if hidden.shape.rank == 3 and head.name not in batch.places:
        members = int(hidden.shape[1])
        weights = tf.repeat(weights / members, members)
        targets = tf.repeat(targets, members, axis=0)
    hidden = by_row(hidden)
    if head.name in batch.places and not has_gpu():
        # Most places of short lists are padding. XLA, which a GPU's steps are made by, takes no
        # number of rows that hangs on the batch.
        kept = tf.where(weights > 0)[:, 0]
        hidden, targets, weights = (tf.gather(of, kept) for of in (hidden, targets, weights))
    rows = LossRows(targets, weights, loss.products, drawn)
    return KINDS[head.part.kind].loss(head, hidden, rows)


def given(batch: Batch) -> dict[str, tf.Tensor]:
    """What the body that learns takes of a batch."""
    along = {n: ids for n, ids in batch.places.items() if n in batch.features}
    return batch.features | {place_name(name): ids for name, ids in along.items()}


def by_row(hidden: tf.Tensor) -> tf.Tensor:
    """[batch, width], or [batch, n, width] as [batch x n, width]"""
    return hidden if hidden.shape.rank == 2 else tf.reshape(hidden, [-1, hidden.shape[-1]])


def _targets(head: OutputLayer, batch: Batch) -> tf.Tensor:
    """[batch, ...], or [batch x places] of a head that is trained at every place of a list."""
    places = batch.places.get(head.name)
    return batch.targets[head.name] if places is None else tf.reshape(places, [-1])


def head_weights(head: OutputLayer, loss: HeadLoss, batch: Batch) -> tf.Tensor:
    """[batch], or [batch x places], how much each counts for a head: its row's weight times its
    class's, 0 where the target is missing."""
    own = KINDS[head.part.kind].row_weights(_targets(head, batch), loss.class_weights)
    places = batch.places.get(head.name)
    weights = batch.weights if places is None else tf.repeat(batch.weights, places.shape[1])
    return weights * own


def expected_means(
    sums: Mapping[str, HeadSum], losses: Mapping[str, HeadLoss], batch_size: int
) -> dict[str, tf.Tensor]:
    """Sums over the weight that a batch has on average."""
    return {name: s.total / (batch_size * losses[name].share) for name, s in sums.items()}


def head_factor(network: Network, losses: Mapping[str, HeadLoss], name: str) -> tf.Tensor:
    """What a head's mean loss is multiplied by. With uncertainty also by exp(-s), s being learned,
    and by what makes the loss a likelihood."""
    scale = tf.constant(losses[name].scale, tf.float32)
    if name not in network.uncertainty:
        return scale
    part = network.heads[name].part
    factor = KINDS[part.kind].uncertainty_factor(part)
    return factor * scale * tf.exp(-network.uncertainty[name])


def combined(
    network: Network, losses: Mapping[str, HeadLoss], means: Mapping[str, tf.Tensor]
) -> tf.Tensor:
    """The heads' mean losses as one number; with uncertainty plus s / 2, or the factors vanish."""
    parts = [head_factor(network, losses, name) * mean for name, mean in means.items()]
    return tf.add_n(parts + [s / 2 for s in network.uncertainty.values()])
