"""Heads in training: their targets, losses and curvature, and what the trained model gives."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from kinds.answers import answers
from kinds.heads.any.metrics import Scale, TrainTargets
from kinds.heads.any.network import (
    Earlier,
    Factor,
    HeadSum,
    LossRows,
    OutputLayer,
    Sampler,
    Shift,
    TemperatureSums,
    Weights,
)
from kinds.heads.any.priors import Prior
from kinds.memory.network import Mixture
from kinds.parsing import Feature, Vector


class Network(Protocol):
    """What the trainer asks each kind of head."""

    def target(self, part: Any) -> Feature:
        """The target in an example: the feature with the head's name."""

    def outputs(self, part: Any, entries: Mapping[str, int]) -> int:
        """How many outputs; `entries` is the number of values of each vocabulary."""

    def kernel_stddev(self, part: Any, width: int) -> float:
        """How far from 0 the numbers of the kernel [outputs, width] start."""

    def scale(self, name: str, part: Any, numbers: Mapping[str, Any]) -> Scale:
        """How the targets were scaled; `numbers` are those of the prepared data's statistics."""

    def prior(self, part: Any, train: TrainTargets) -> Prior:
        """What the train targets say before anything is learned."""

    def row_weights(self, targets: tf.Tensor, class_weights: np.ndarray | None) -> tf.Tensor:
        """[batch] how much a row counts by its target: 0 where it is missing, else the weight of
        its class."""

    def loss(self, layer: OutputLayer, hidden: tf.Tensor, rows: LossRows) -> HeadSum:
        """The loss of a batch, whose vectors of the body are `hidden` [batch, width]. Only kinds
        with a sampler are given classes drawn."""

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

    def conformity(
        self, layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """{what kinds.heads.coverage needs of each row: [batch, ...]}."""

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor | None:
        """[batch, labels] of logits [batch, outputs]; None of a head without labels."""

    def mixed(self, logits: tf.Tensor, mixture: Mixture) -> tf.Tensor:
        """What stands for the logits [batch, outputs] of the network and of the head's memories
        together."""

    def mixing(
        self, layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """{what `mixed_losses` needs of each row beside the mixture: [batch, ...]}"""

    def mixed_losses(self, rows: Mapping[str, tf.Tensor], mixture: Mixture) -> tf.Tensor:
        """The losses [rows] of what the network and the head's memories say together."""

    def temperature_sums(self, part: Any) -> TemperatureSums | None:
        """What a temperature is fitted with; None where the head has none."""

    def unscaling(self, part: Any, scale: Scale) -> tuple[Factor, Factor]:
        """What outputs are multiplied by and what is then added to them, both in the weights of the
        trained model, so that they are on the linear scale of the target."""

    def shift(self, part: Any, scale: Scale) -> Shift | None:
        """What moves the output biases after training; None where they stay."""

    def output(self, part: Any, logits: Vector, scale: Scale) -> Vector:
        """What the trained model gives, of logits [batch, outputs] after `unscaling`."""

    def carried(self, layer: OutputLayer, earlier: Earlier) -> Weights:
        """An earlier kernel and bias as those of `layer`."""


KINDS: dict[str, Network] = answers("kinds.heads", "network", Network)
