"""Sets of labels in training: a sigmoid for each label."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from kinds.heads.any.metrics import TrainTargets
from kinds.heads.any.network import (
    Earlier,
    HeadSum,
    LossRows,
    OutputLayer,
    Weights,
    of_sigmoid,
    weighted_sum,
    with_random_signs,
)
from kinds.heads.any.network import kernel_stddev as kernel_stddev
from kinds.heads.any.network import sampler as sampler
from kinds.heads.any.network import scale as scale
from kinds.heads.any.network import shift as shift
from kinds.heads.any.network import temperature_sums as temperature_sums
from kinds.heads.any.network import uncertainty_factor as uncertainty_factor
from kinds.heads.any.network import unscaling as unscaling
from kinds.heads.any.priors import LEAST, ROWS_OF_NO_ROWS, Prior
from kinds.heads.labels.metrics import CUTS
from kinds.heads.labels.network import count_true
from kinds.heads.labels.network import output as output
from kinds.heads.labels.numbering import MISSING
from kinds.heads.multilabel.metrics import NO_LABELS
from kinds.heads.multilabel.spec import Multilabel
from kinds.memory.network import Mixture, log_odds
from kinds.parsing import SEVERAL_IDS, Arrays, Feature

# Fills up a row that has fewer labels than another one of the batch.
NO_LABEL = -2


def target(part: Multilabel) -> Feature:
    """[batch, labels]; MISSING and then NO_LABEL where the set is missing."""
    return Feature(SEVERAL_IDS, tf.int32, _padded, (None,), _counted)


def _padded(sets: tf.RaggedTensor) -> tf.Tensor:
    return tf.cast(sets.to_tensor(NO_LABEL), tf.int32)


def _counted(name: str, sets: np.ndarray) -> Arrays:
    """All labels in one row of numbers, and how many each row has, MISSING where it is missing."""
    missing = (sets == MISSING).any(axis=1)
    counts = np.where(missing, MISSING, (sets >= 0).sum(axis=1))
    return {name: sets[sets >= 0], f"{name}.count": counts}


def outputs(part: Multilabel, entries: Mapping[str, int]) -> int:
    return entries[part.vocabulary]


def prior(part: Multilabel, train: TrainTargets) -> Prior:
    count, weights = train.columns[f"{train.name}.count"], train.weights
    known = count >= 0
    total = weights[known].sum()
    least = min(0.5, ROWS_OF_NO_ROWS / max(total, 1.0))
    of_label = np.repeat(weights[known], count[known])
    yes = np.bincount(train.targets, of_label, train.outputs)
    share = np.clip(yes / max(total, LEAST), least, 1 - least)
    lost = -(share * np.log(share) + (1 - share) * np.log1p(-share)).sum()
    return Prior(np.log(share) - np.log1p(-share), float(lost), total / len(count))


def row_weights(targets: tf.Tensor, class_weights: np.ndarray | None) -> tf.Tensor:
    """A set that is known counts, be it empty."""
    return tf.where(tf.reduce_any(targets == MISSING, axis=1), 0.0, 1.0)


def loss(layer: OutputLayer, hidden: tf.Tensor, rows: LossRows) -> HeadSum:
    logits = layer.learned_logits(hidden)
    return weighted_sum(set_losses(logits, layer.learned_at(rows.targets)), rows.weights)


def set_losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum of the sigmoid cross entropies of all classes: [batch, classes] and int32
    [batch, labels] (negative: no label) to [batch]."""
    own = tf.gather(logits, tf.maximum(labels, 0), batch_dims=1)
    own = tf.reduce_sum(tf.where(labels >= 0, own, 0.0), axis=1)
    return tf.reduce_sum(tf.math.softplus(logits), axis=1) - own


pseudo_loss = partial(with_random_signs, of_sigmoid)


def results(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    z = layer.logits(hidden)
    return {"loss": set_losses(z, targets), **hits_and_labels(z, targets)}


def conformity(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    """`strangest` is minus the logarithm of the least probability of a row's labels, NO_LABELS
    without any."""
    own = tf.gather(layer.logits(hidden), tf.maximum(targets, 0), batch_dims=1)
    strange = tf.where(targets >= 0, tf.math.softplus(-own), NO_LABELS)
    none = tf.fill([tf.shape(targets)[0], 1], NO_LABELS)
    return {"strangest": tf.reduce_max(tf.concat([strange, none], axis=1), axis=1)}


def probabilities(logits: tf.Tensor) -> tf.Tensor:
    return tf.sigmoid(logits)


def mixed(logits: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    return log_odds(logits, mixture)


def mixing(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    """The logits, and which labels a row has, as numbers of one byte."""
    labels = tf.where(targets >= 0, targets, layer.outputs)
    is_label = tf.reduce_max(tf.one_hot(labels, layer.outputs, dtype=tf.int8), axis=1)
    return {"logits": layer.logits(hidden), "labels": is_label}


def mixed_losses(rows: Mapping[str, tf.Tensor], mixture: Mixture) -> tf.Tensor:
    z = log_odds(rows["logits"], mixture)
    own = tf.reduce_sum(tf.cast(rows["labels"], tf.float32) * z, axis=1)
    return tf.reduce_sum(tf.math.softplus(z), axis=1) - own


def hits_and_labels(z: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
    """hits [batch, best]: whether the k-th best class is a label; labels [batch]: how many."""
    best = tf.math.top_k(z, min(max(CUTS), z.shape[1])).indices
    hits = tf.reduce_any(best[:, :, None] == labels[:, None, :], axis=2)
    return {"hits": tf.cast(hits, tf.float32), "labels": count_true(labels >= 0)}


def carried(layer: OutputLayer, earlier: Earlier) -> Weights:
    """A new label starts as in a run of its own."""
    known = earlier.places < len(earlier.bias)
    places = np.where(known, earlier.places, 0)
    own = layer.kernel.numpy()[: len(places)]
    kernel = np.where(known[:, None], earlier.kernel[places], own)
    return kernel, np.where(known, earlier.bias[places], layer.bias.numpy())
