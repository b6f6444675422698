"""Heads in training: their targets, losses and curvature, and what the trained model gives."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from kinds.answers import answers
from kinds.heads.any.metrics import Scale
from kinds.heads.any.network import HeadSum, Negatives, OutputLayer, Sampler, TemperatureSums
from kinds.heads.any.priors import Prior
from kinds.parsing import Feature


class Network(Protocol):
    """What the trainer asks each kind of head."""

    def target(self, part: Any) -> Feature:
        """The target in an example: the feature with the head's name."""

    def outputs(self, part: Any, entries: Mapping[str, int]) -> int:
        """How many outputs; `entries` is the number of values of each vocabulary."""

    def kernel_stddev(self, part: Any, width: int) -> float:
        """How far from 0 the numbers of the kernel [outputs, width] start."""

    def scale(self, name: str, part: Any, statistics: Mapping[str, Any]) -> Scale:
        """How the targets were scaled, by the statistics of the prepared data."""

    def prior(
        self,
        name: str,
        part: Any,
        columns: Mapping[str, np.ndarray],
        weights: np.ndarray,
        outputs: int,
        values: Sequence[str],
    ) -> Prior:
        """What the train targets in `columns`, of rows with these weights, say before anything is
        learned. `values` are those of the head's vocabulary."""

    def row_weights(self, targets: tf.Tensor, class_weights: np.ndarray | None) -> tf.Tensor:
        """[batch] how much a row counts by its target: 0 where it is missing, else the weight of
        its class."""

    def loss(
        self,
        layer: OutputLayer,
        hidden: tf.Tensor,
        targets: tf.Tensor,
        weights: tf.Tensor,
        products: tf.DType,
        drawn: Negatives | None,
    ) -> HeadSum:
        """The loss of a batch, whose vectors of the body are `hidden` [batch, width]. `products` is
        the type of what its large products multiply. A kind with a sampler gives the loss over the
        classes `drawn`, where there are some."""

    def uncertainty_factor(self, part: Any) -> float:
        """What the loss is multiplied by to be a negative log likelihood."""

    def sampler(self, part: Any, bias: np.ndarray, negatives: int, seed: int) -> Sampler | None:
        """Draws the classes that a loss over few of them is made of; None where all always count.
        `bias` [outputs] is where the output bias starts."""

    def pseudo_loss(
        self, layer: OutputLayer, hidden: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """A number whose gradient by row i of `hidden` is roots[i] times a sample u with
        E[u u^T] = the second derivative of that row's loss by `hidden`."""

    def results(
        self, layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """{"loss" and what the metrics need of each row: [batch, ...]}."""

    def temperature_sums(self, part: Any) -> TemperatureSums | None:
        """What a temperature is fitted with; None where the head has none."""

    def output(self, part: Any, logits: keras.KerasTensor, scale: Scale) -> keras.KerasTensor:
        """What the trained model gives, of logits [batch, outputs] that are back on the linear
        scale of the target."""

    def carried(
        self,
        layer: OutputLayer,
        kernel: np.ndarray,
        bias: np.ndarray,
        places: np.ndarray | None,
        factor: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """An earlier kernel and bias as those of `layer`. `places` [values of the vocabulary] says
        where each value was, and is the number of the earlier ones where it was nowhere. Bias and
        kernel times `factor` gave the earlier model's scores."""


KINDS: dict[str, Network] = answers("kinds.heads", "network", Network)
