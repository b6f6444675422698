"""A head's output layer, and what its losses are made of.

A head's kernel is kept as [outputs, width], a label embedding: the rows of labels can be gathered
and updated one by one. A tied head has no kernel of its own, it uses the rows of an input's table.
Where labels have features, kernel and bias are those of the labels that training rows have, and
without what features say (see `label_vectors`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kinds.heads.any.label_vectors import LabelVectors
from kinds.heads.any.metrics import Array, Scale
from kinds.memory.network import Mixture

# Kernels of heads with few outputs start near 0.
KERNEL_STDDEV = 0.01
# One number for all outputs, or [outputs].
Factor = float | Array
# (logits [batch, classes], labels, weights, inverse temperature) to [4]: the sums of weight, loss,
# and the loss's first and second derivative by the inverse temperature.
TemperatureSums = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

# The results of held-out rows to what is added to the output biases.
Shift = Callable[[Mapping[str, np.ndarray]], float]


@dataclass(frozen=True)
class OutputLayer:
    """The weights of one head.

    part: its settings
    kernel: [at least outputs, width]; the table's own variable where the head is tied; of labels
        that have no vector of their own it is that of the class of all others, if there is one
    bias: [outputs]
    projection: [hidden, width] where a tied head's hidden vector is wider than the table
    mixed: what becomes of the logits where the head has memories
    features: what labels are made of beside these, where they have features; kernel and bias are
        then those of its `learned` outputs
    """

    name: str
    part: Any
    kernel: tf.Variable
    bias: tf.Variable
    projection: tf.Variable | None
    tied: bool
    mixed: Callable[[tf.Tensor], tf.Tensor] | None = None
    features: LabelVectors | None = None

    @property
    def outputs(self) -> int:
        return self.features.outputs if self.features else int(self.bias.shape[0])

    @property
    def width(self) -> int:
        """Of the vectors that the logits are products of."""
        return int(self.kernel.shape[1])

    def variables(self) -> list[tf.Variable]:
        """What the head owns."""
        own = [] if self.tied else [self.kernel]
        more = self.features.variables() if self.features else []
        return [*own, self.bias, *([] if self.projection is None else [self.projection]), *more]

    def rows_by_class(self) -> list[tf.Variable]:
        """What the head owns of which each class has a row of its own."""
        has_rows = not self.tied and self.kernel.shape[0] == self.bias.shape[0]
        return [self.kernel, self.bias] if has_rows else [self.bias]

    def input(self, hidden: tf.Tensor) -> tf.Tensor:
        """[batch, hidden] to [batch, width] of the kernel."""
        return hidden if self.projection is None else tf.matmul(hidden, self.projection)

    def weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Kernel [outputs, width] and bias [outputs]."""
        own = self._own_kernel(), tf.convert_to_tensor(self.bias)
        return self.features.whole(*own) if self.features else own

    def learned_weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The same of the outputs that are learned from: [learned, width] and [learned]."""
        kernel, bias = self._own_kernel(), tf.convert_to_tensor(self.bias)
        if not self.features:
            return kernel, bias
        made, biases = self.features.of_learned()
        return kernel + made, bias + biases

    def learned_at(self, labels: tf.Tensor) -> tf.Tensor:
        """Where labels are among the outputs that are learned from."""
        return self.features.places(labels) if self.features else labels

    def rows_at(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Some rows of the learned weights: [n, width] and [n]. Their gradients by kernel and bias
        are IndexedSlices."""
        bias = tf.gather(self.bias, places)
        if not self.features:
            return tf.gather(self.kernel, places), bias
        made, biases = self.features.of_places(places)
        own = int(self.kernel.shape[0])
        if not (missing := int(self.bias.shape[0]) - own):
            return tf.gather(self.kernel, places) + made, bias + biases
        return tf.matmul(tf.one_hot(places - missing, own), self.kernel) + made, bias + biases

    def _own_kernel(self) -> tf.Tensor:
        """The kernel's rows that are learned. A table's last row is no label; a kernel of fewer
        rows has those of the last outputs."""
        kernel, rows = tf.convert_to_tensor(self.kernel), int(self.bias.shape[0])
        if self.tied:
            return kernel[:rows]
        missing = rows - int(kernel.shape[0])
        return tf.pad(kernel, [[missing, 0], [0, 0]]) if missing else kernel

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """[batch, hidden] to [batch, outputs]."""
        return self.mixed_in(self._logits(hidden, *self.weights()))

    def mixed_in(self, logits: tf.Tensor) -> tf.Tensor:
        """The network's logits with what the memories say."""
        return logits if self.mixed is None else self.mixed(logits)

    def learned_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """The network's alone, of the outputs that are learned from."""
        return self._logits(hidden, *self.learned_weights())

    def _logits(self, hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        return tf.nn.bias_add(tf.matmul(self.input(hidden), kernel, transpose_b=True), bias)


class Negatives(NamedTuple):
    """ids int32 [negatives], and the log of how often each is expected among them."""

    ids: tf.Tensor
    log_expected: tf.Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws `negatives` classes with the chances q [classes]."""

    q: np.ndarray
    negatives: int
    seed: int

    def draw(self, step: tf.Tensor) -> Negatives:
        """The classes of a step, an integer scalar."""
        ends = tf.constant(np.cumsum(self.q), tf.float32)
        key = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])
        places = tf.random.stateless_uniform([self.negatives], key)
        ids = tf.minimum(tf.searchsorted(ends, places, side="right"), len(self.q) - 1)
        expected = tf.constant(np.log(self.negatives * self.q), tf.float32)
        return Negatives(ids, tf.gather(expected, ids))


class HeadSum(NamedTuple):
    """Over a batch: the weighted sum of a head's losses, float32 and differentiable; the rows'
    losses [batch] without a gradient; and the rows' weights [batch], 0 where the target is
    missing."""

    total: tf.Tensor
    losses: tf.Tensor
    weights: tf.Tensor


class LossRows(NamedTuple):
    """The rows of a loss: their targets and their weights [batch]; the type of what its large
    products multiply; the classes drawn, where it sums over some."""

    targets: tf.Tensor
    weights: tf.Tensor
    products: tf.DType = tf.float32
    drawn: Negatives | None = None


class Earlier(NamedTuple):
    """The kernel and bias of an earlier run. Times `factor` they gave its scores. `places` [values
    of the vocabulary] says where each value was, and is the number of the earlier ones where it was
    nowhere. `prior` [outputs] has the logs of how often each comes now. Where it `stands`, new
    labels change nothing of the others."""

    kernel: np.ndarray
    bias: np.ndarray
    places: np.ndarray
    factor: float
    prior: np.ndarray
    stands: bool = False


Weights = tuple[np.ndarray, np.ndarray]


def weighted_sum(losses: tf.Tensor, weights: tf.Tensor) -> HeadSum:
    return HeadSum(tf.reduce_sum(losses * weights), tf.stop_gradient(losses), weights)


def known(targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch] targets to (targets with 0 for the missing ones, 1 or 0 for known or missing).

    Missing is NaN in floats and negative in ids.
    """
    missing = tf.math.is_nan(targets) if targets.dtype.is_floating else targets < 0
    return tf.where(missing, tf.zeros_like(targets), targets), tf.where(missing, 0.0, 1.0)


def row_weights(targets: tf.Tensor, class_weights: np.ndarray | None) -> tf.Tensor:
    """[batch] targets to the weight of each one's class, and 0 for the missing ones."""
    target, there = known(targets)
    if class_weights is None:
        return there
    return there * tf.gather(tf.constant(class_weights, tf.float32), tf.cast(target, tf.int32))


def with_random_signs(
    second_derivative: Callable[[tf.Tensor], tf.Tensor],
    layer: OutputLayer,
    hidden: tf.Tensor,
    roots: tf.Tensor,
    seed: tf.Tensor,
) -> tf.Tensor:
    """A `pseudo_loss` of a loss that is a sum over the outputs, given its second derivatives."""
    scores = layer.logits(hidden)
    return signed_sum(scores, second_derivative(scores), roots, seed)


def signed_sum(
    values: tf.Tensor, second_derivatives: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """A `pseudo_loss` of a loss that is a sum over values [batch, n]: each times the square root of
    the second derivative by it, with a random sign."""
    signs = tf.sign(tf.random.stateless_uniform(tf.shape(values), seed, -1.0, 1.0))
    bend = tf.stop_gradient(signs * tf.sqrt(second_derivatives))
    return tf.reduce_sum(roots[:, None] * bend * values)


def of_sigmoid(scores: tf.Tensor) -> tf.Tensor:
    """The second derivative of a sigmoid's cross entropy."""
    p = tf.sigmoid(scores)
    return p * (1.0 - p)


def kernel_stddev(part: Any, width: int) -> float:
    return KERNEL_STDDEV


def uncertainty_factor(part: Any) -> float:
    return 1.0


def scale(name: str, part: Any, numbers: Mapping[str, Any]) -> Scale:
    """Of a head whose targets are taken as they are."""
    return Scale()


def unscaling(part: Any, scale: Scale) -> tuple[Factor, Factor]:
    """Of a head whose outputs are all on the scale of its target."""
    return scale.std, scale.mean


def shift(part: Any, scale: Scale) -> None:
    """Of a head that gives what it has learned."""


def sampler(part: Any, bias: np.ndarray, negatives: int, seed: int) -> None:
    """Of a head whose loss is exact in every step."""


def temperature_sums(part: Any) -> None:
    """Of a head without a temperature."""


def probabilities(logits: tf.Tensor) -> None:
    """Of a head without labels."""


def mixed(logits: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    """Of a head that has no memories."""
    return logits


def mixing(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    """Of a head that has no memories."""
    return {}


def mixed_losses(rows: Mapping[str, tf.Tensor], mixture: Mixture) -> tf.Tensor:
    """Of a head that has no memories."""
    return tf.zeros_like(mixture.share)
