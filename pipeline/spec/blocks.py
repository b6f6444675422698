"""The parts of a spec between inputs and heads: vocabularies, layers, shared blocks, the trunk."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from kinds.settings import Count, Part, Share
from pipeline.spec.training import Phases

Activation = Literal["relu", "gelu", "silu", "tanh", "sigmoid"]


class Vocabulary(Part):
    """The values that get an id of their own: the `size` most frequent, or those in `values`.

    Ids run from 0 by falling frequency. Every other value shares one id, the one after the last.
    """

    size: Count = 10_000
    """How many values at most; 25,000 is usual for labels."""
    min_count: Count = 1
    """How often a value must occur in the training rows."""
    values: tuple[str, ...] | None = None
    """The values themselves, in the order of their ids; nothing is counted then."""

    @model_validator(mode="after")
    def _values_are_distinct(self) -> Self:
        if self.values is not None and len(set(self.values)) != len(self.values):
            raise ValueError("`values` must not repeat a value")
        return self


class Layer(Part):
    """One dense layer. In YAML a bare number is a layer of that many units with relu."""

    units: Count
    """How many numbers come out."""
    activation: Activation | None = "relu"
    """What is done to each of them; null for nothing."""
    bias: bool = True
    """Whether a learned number is added to each of them."""


def _layer_from_units(value: Any) -> Any:
    return {"units": value} if isinstance(value, int) and not isinstance(value, bool) else value


LayerOrUnits = Annotated[
    Layer, BeforeValidator(_layer_from_units, json_schema_input_type=Count | Layer)
]


class Shared(Part):
    """Weights that are owned once and used by every input that goes `through` them.

    `units` is one matrix without a bias, `layers` a small network.
    """

    units: Count | None = None
    """The width of the matrix; its height is that of the embeddings that go through it."""
    layers: tuple[LayerOrUnits, ...] = ()
    """The dense layers of the network."""
    phases: Phases | None = None
    """Batch updates of its own; without them the block learns with the rest."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.units is None) == (not self.layers):
            raise ValueError("give either `units` (one matrix, no bias) or `layers`")
        return self

    def dense_layers(self) -> tuple[Layer, ...]:
        if self.units is not None:
            return (Layer(units=self.units, activation=None, bias=False),)
        return self.layers

    @property
    def is_linear(self) -> bool:
        return all(layer.activation is None for layer in self.dense_layers())


class Trunk(Part):
    """The dense layers between the joined inputs and the heads."""

    layers: tuple[LayerOrUnits, ...] = ()
    """The layers, from the inputs to the heads."""
    dropout: Share = 0.0
    """The share of numbers that are set to 0 behind each layer while training."""
    input_dropout: Share = 0.0
    """The same in front of the first layer."""
