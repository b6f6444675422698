"""The parts of a spec on the way in: vocabularies, shared blocks, inputs, the trunk."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.spec.training import Phases
from pipeline.spec.values import Column, Count, Name, Part, Separator, Share

# A standardised number is cut at this many deviations from the mean, so that one broken cell can
# neither drown the rest of its row nor make the scores of the row overflow.
NUMBER_LIMIT = 100.0

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


class _Embedded(Part):
    """What a category and a sequence have in common: a vocabulary and its embedding."""

    column: Column | None = None
    """The column of the rows; the input's name where it is not given."""
    vocabulary: Name
    """The vocabulary that gives the values their ids."""
    embedding: Count = 50
    """How many numbers each id has of its own."""
    table: Name | None = None
    """The embedding table. Inputs over one vocabulary share one unless they name another."""
    through: Name | None = None
    """The shared block that the embedding goes through."""

    @property
    def table_name(self) -> str:
        return self.table or self.vocabulary


class Category(_Embedded):
    """One value of a vocabulary."""

    kind: Literal["category"] = "category"


class Sequence(_Embedded):
    """A list of values of a vocabulary; the last `length` count, padded on the left."""

    kind: Literal["sequence"] = "sequence"
    length: Count
    """How many values."""
    separator: Separator = " "
    """What stands between the values where the column holds text."""
    combine: Literal["concat", "mean", "sum", "max", "lstm", "gru", "attention"] = "concat"
    """How the vectors of the values become one."""
    units: Count | None = None
    """The width of an LSTM or a GRU."""
    attention_heads: Count = 1
    """Heads of the attention."""

    @model_validator(mode="after")
    def _units_where_they_mean_something(self) -> Self:
        recurrent = self.combine in ("lstm", "gru")
        if recurrent and self.units is None:
            raise ValueError(f"`combine: {self.combine}` needs `units`")
        if not recurrent and self.units is not None:
            raise ValueError("`units` goes with `combine: lstm` or `combine: gru` only")
        if self.combine != "attention" and self.attention_heads != 1:
            raise ValueError("`attention_heads` goes with `combine: attention` only")
        return self


class Number(Part):
    """A number: standardised, its logarithm standardised, or cut at quantiles and embedded.

    A missing one becomes `missing` (the mean where that is not given) and sets a flag beside it;
    with `missing: reject` it is a bad row instead, and there is no flag. What is standardised is
    cut at 100 deviations.
    """

    kind: Literal["number"] = "number"
    column: Column | None = None
    """The column of the rows; the input's name where it is not given."""
    scale: Literal["standard", "log", "buckets", "none"] = "standard"
    """What is done to the number."""
    buckets: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """How many intervals of equally many rows, for `scale: buckets`."""
    embedding: Count | None = None
    """How many numbers each interval has of its own, for `scale: buckets`."""
    missing: float | Literal["reject"] | None = None
    """What a missing number becomes."""

    @model_validator(mode="after")
    def _buckets_have_an_embedding(self) -> Self:
        if (self.scale == "buckets") != (self.buckets is not None):
            raise ValueError("`scale: buckets` and the number of `buckets` go together")
        if (self.scale == "buckets") != (self.embedding is not None):
            raise ValueError("`scale: buckets` and the size of its `embedding` go together")
        return self


Input = Annotated[Category | Sequence | Number, Field(discriminator="kind")]


class Trunk(Part):
    """The dense layers between the joined inputs and the heads."""

    layers: tuple[LayerOrUnits, ...] = ()
    """The layers, from the inputs to the heads."""
    dropout: Share = 0.0
    """The share of numbers that are set to 0 behind each layer while training."""
    input_dropout: Share = 0.0
    """The same in front of the first layer."""
