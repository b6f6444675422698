"""A classification in training: a softmax over the labels and one class for all other values."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kinds.heads.any.metrics import TrainTargets
from kinds.heads.any.network import (
    Earlier,
    HeadSum,
    LossRows,
    OutputLayer,
    Sampler,
    TemperatureSums,
    Weights,
    known,
    weighted_sum,
)
from kinds.heads.any.network import row_weights as row_weights
from kinds.heads.any.network import scale as scale
from kinds.heads.any.network import shift as shift
from kinds.heads.any.network import uncertainty_factor as uncertainty_factor
from kinds.heads.any.network import unscaling as unscaling
from kinds.heads.any.priors import Prior, label_prior, read_weights
from kinds.heads.classification.sampling import build_sampler, sampled_softmax_rows
from kinds.heads.classification.softmax import softmax_sum
from kinds.heads.classification.spec import Classification
from kinds.heads.labels.network import count_true
from kinds.heads.labels.network import output as output
from kinds.heads.labels.numbering import MISSING
from kinds.memory.network import Mixture, log_probabilities, mixed_loss, of_target
from kinds.parsing import ONE_ID, SEVERAL_IDS, Feature


def target(part: Classification) -> Feature:
    """Of the next elements of a list it is the last: the other ones are trained with alone."""
    return ONE_ID if part.next_of is None else Feature(SEVERAL_IDS, tf.int32, _last)


def _last(ragged: tf.RaggedTensor) -> tf.Tensor:
    """int32 [rows]: the last id of each list, MISSING where there is none."""
    values = tf.concat([[MISSING], tf.cast(ragged.values, tf.int32)], axis=0)
    return tf.gather(values, tf.where(ragged.row_lengths() > 0, ragged.row_limits(), 0))


def outputs(part: Classification, entries: Mapping[str, int]) -> int:
    return entries[part.vocabulary] + 1


def kernel_stddev(part: Classification, width: int) -> float:
    """The rows start with length 1 on average, as those of a table do: a rare label has few steps
    to get there."""
    return float(width**-0.5)


def prior(part: Classification, train: TrainTargets) -> Prior:
    weights = read_weights(part.class_weights, train.reading)
    return label_prior(train.targets, train.weights, train.outputs, weights, train.values)


def sampler(part: Classification, bias: np.ndarray, negatives: int, seed: int) -> Sampler | None:
    return build_sampler(bias, negatives=negatives, seed=seed)


def loss(layer: OutputLayer, hidden: tf.Tensor, rows: LossRows) -> HeadSum:
    target, _ = known(rows.targets)
    x, target = layer.input(hidden), layer.learned_at(target)
    if rows.drawn is not None:
        # A drawn class stands for a missing target: no other row of the kernel is to move for it.
        target = tf.where(rows.weights > 0, target, rows.drawn.ids[0])
        smoothing = layer.part.label_smoothing, layer.outputs
        parts = (x, layer.rows_at, target, rows.drawn, rows.products)
        return weighted_sum(sampled_softmax_rows(*parts, *smoothing), rows.weights)
    of_layer, smoothing = (x, *layer.learned_weights()), layer.part.label_smoothing
    found = softmax_sum(*of_layer, target, rows.weights, smoothing, rows.products)
    return HeadSum(*found, rows.weights)


def pseudo_loss(
    layer: OutputLayer, hidden: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Of labels that are drawn from the model's own predictions, never of the true ones (Kunstner
    et al. 2019, arXiv:1905.12558)."""
    scores = tf.stop_gradient(layer.learned_logits(hidden))
    drawn = tf.random.stateless_categorical(scores, 1, seed, dtype=tf.int32)[:, 0]
    return softmax_sum(layer.input(hidden), *layer.learned_weights(), drawn, roots)[0]


def results(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    target, _ = known(targets)
    loss, rank = loss_and_rank(layer.logits(hidden), target)
    return {"loss": loss, "rank": rank}


def conformity(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    """`above` is how probable all labels are together that come before the target's."""
    target, _ = known(targets)
    z = layer.logits(hidden)
    loss, rank = loss_and_rank(z, target)
    before = z[:, :-1] > tf.gather(z, target, batch_dims=1)[:, None]
    probable = probabilities(z)
    above = tf.reduce_sum(tf.where(before, probable, 0.0), axis=1)
    return {"loss": loss, "rank": rank, "above": above}


def probabilities(logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax(logits)[:, :-1]


def loss_and_rank(z: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch, classes] logits and int32 [batch] labels to (log loss, rank of the label) [batch].

    The best rank is 1; ties count half. The last class is the one of all other values: it has no
    rank (infinite), and does not push others down.
    """
    own = tf.gather(z, labels, batch_dims=1)
    others = z[:, -1]
    loss = tf.reduce_logsumexp(z, axis=1) - own
    above = count_true(z > own[:, None]) - tf.cast(others > own, tf.float32)
    ties = count_true(z == own[:, None]) - tf.cast(others == own, tf.float32) - 1
    unranked = labels == tf.shape(z)[1] - 1
    return loss, tf.where(unranked, np.inf, 1 + above + ties / 2)


def mixed(logits: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    return log_probabilities(logits, mixture)


def mixing(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    target, _ = known(targets)
    loss, _ = loss_and_rank(layer.logits(hidden), target)
    return {"loss": loss, "target": target}


def mixed_losses(rows: Mapping[str, tf.Tensor], mixture: Mixture) -> tf.Tensor:
    return mixed_loss(rows["loss"], of_target(mixture, rows["target"]))


def temperature_sums(part: Classification) -> TemperatureSums:
    return sums_at_temperature


def sums_at_temperature(
    z: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, inverse: tf.Tensor
) -> tf.Tensor:
    """[batch, classes] logits to [4]: sums of weight, log loss at `inverse` temperature, and its
    first and second derivative: the mean of z minus the label's, and the variance of z."""
    p = tf.nn.softmax(inverse * z)
    own = tf.gather(z, labels, batch_dims=1)
    mean = tf.reduce_sum(p * z, axis=1)
    variance = tf.reduce_sum(p * tf.square(z - mean[:, None]), axis=1)
    loss = tf.reduce_logsumexp(inverse * z, axis=1) - inverse * own
    rows = tf.stack([tf.ones_like(loss), loss, mean - own, variance])
    return tf.linalg.matvec(tf.cast(rows, tf.float64), tf.cast(weights, tf.float64))


def carried(layer: OutputLayer, earlier: Earlier) -> Weights:
    """A new label starts as all other values did, with a part of their probability that is as large
    as how often it comes among them now. Where these stand still, it starts as the mean label, each
    as often as it comes, with a bias for how often it comes itself."""
    other = len(earlier.bias) - 1
    places = np.append(earlier.places, other)
    if earlier.stands:
        return _beside(earlier, places)
    sharing = places == other
    often = np.exp(earlier.prior[sharing] - earlier.prior[sharing].max())
    bias = earlier.bias[places]
    bias[sharing] += np.log(often / often.sum()) / earlier.factor
    return earlier.kernel[places], bias


def _beside(earlier: Earlier, places: np.ndarray) -> Weights:
    """New labels beside others that stand still."""
    prior = earlier.prior
    is_new = places == len(earlier.bias) - 1
    is_new[-1] = False
    often = np.where(is_new, 0.0, np.exp(prior - prior.max()))
    often /= often.sum()
    mean = often @ earlier.kernel[places]
    level = often @ (earlier.bias[places] - prior)
    kernel = np.where(is_new[:, None], mean, earlier.kernel[places])
    return kernel, np.where(is_new, prior + level, earlier.bias[places])
