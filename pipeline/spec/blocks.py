"""The parts of a spec between inputs and heads: vocabularies, layers, shared blocks, the trunk."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from kinds.settings import Count, FilePath, Name, Part, Positive, Share, Whole
from pipeline.spec.training import Phases

Reading = Literal["words", "values"]
Activation = Literal["relu", "gelu", "silu", "tanh", "sigmoid"]


class Vocabulary(Part):
    """The values that get ids of their own: the `size` most frequent ones, or those in `values`.

    Ids count from 0, the most frequent value first. All other values share the id after the last.
    """

    size: Count = 10_000
    """The maximum number of values; 25,000 is usual for labels."""
    min_count: Count = 1
    """How often a value must occur in the training rows to get an id, in all inputs and heads that
    are `counted` together."""
    counted: tuple[str, ...] = ()
    """The inputs and heads whose values are counted; by default all that use the vocabulary. With a
    head alone, `min_count` and `size` are about its labels."""
    values: tuple[str, ...] | None = None
    """The values themselves, in the order of their ids; then nothing is counted."""
    reading: Reading | None = None
    """Whether cells of text are words, which stay as they are, or values, so that True is true and
    8.0 is 8 in every format. By default the training rows decide."""

    @model_validator(mode="after")
    def _values_are_distinct(self) -> Self:
        if self.values == ():
            raise ValueError("`values` must list a value")
        if self.values is not None and len(set(self.values)) != len(self.values):
            raise ValueError("`values` must not repeat a value")
        if self.values is not None and self.counted:
            raise ValueError("with `values` nothing is counted, so leave out `counted`")
        return self


class Layer(Part):
    """One dense layer. A bare number means a layer of that many units with relu."""

    units: Count
    """The width of the layer."""
    activation: Activation | None = "relu"
    """The activation; null for none."""
    bias: bool = True
    """Whether the layer has a bias."""


def _layer_from_units(value: Any) -> Any:
    return {"units": value} if isinstance(value, int) and not isinstance(value, bool) else value


LayerOrUnits = Annotated[
    Layer, BeforeValidator(_layer_from_units, json_schema_input_type=Count | Layer)
]


class Shared(Part):
    """Weights that exist once and are used by every input that goes `through` them.

    `units` makes it one matrix without a bias, `layers` a small network.
    """

    units: Count | None = None
    """The width of the matrix; its height is the size of the embeddings that go through it."""
    layers: tuple[LayerOrUnits, ...] = ()
    """The dense layers of the network."""
    phases: Phases | None = None
    """Batch updates of the block alone; without them it learns with everything else."""

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


class Table(Part):
    """How an embedding table starts: with vectors from a file that has the values of its vocabulary
    by name, such as words or products; or with random vectors of another length.

    With `vectors` the inputs of the table say their width as `embedding`; a block that they go
    `through` makes any other width of it. A value that the file does not have starts by chance, as
    it would without one, and so do the ids for unknown and missing values.
    """

    vectors: FilePath | None = None
    """The file: `.vec` or `.txt` (fastText, word2vec, GloVe), word2vec's `.bin`, these also `.gz`;
    `.parquet` (a column of texts, one of lists of numbers); or `.npy` beside a `.txt` with a value
    a line. Here or at gs:// or s3://."""
    frozen: bool = False
    """Whether the whole table stays as it starts; otherwise it learns with everything else."""
    length: Positive = 1.0
    """How long random vectors are on average. Short ones often rank better if an id occurs only a
    few times; long ones learn in fewer steps."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.vectors is None and (self.frozen or "length" not in self.model_fields_set):
            raise ValueError("give `vectors`, or the `length` of random vectors to start with")
        return self


class Product(Part):
    """The product of the vectors of several inputs, number by number, so that what their values say
    together need not be found out by sums. The trunk reads it beside the inputs, and a head reads
    it where it names it among its `inputs`.

    For example `fact: {of: [entity, relation], form: complex}`, and a head with `inputs: [fact]`
    that is `tied` to the table of the entities: that is ComplEx.
    """

    of: Annotated[tuple[Name, ...], Field(min_length=2)]
    """The inputs. One that the network should read only so is left out of the `inputs` of the
    trunk."""
    form: Literal["real", "complex"] = "real"
    """`complex`: the first half of each vector is the real parts, the second the imaginary ones."""
    dropout: Share = 0.0
    """The dropout of each vector before they are multiplied."""


class Trunk(Part):
    """The dense layers between the joined inputs and the heads. `trunk: none` reads no input: a
    head with memories then predicts by these alone, and any other only how frequent its targets
    are."""

    inputs: tuple[Name, ...] | None = None
    """The inputs and products that it reads; by default all. An input that only a memory counts by
    need not be among them."""
    cross_layers: Whole = 0
    """How many cross layers come before the layers: each multiplies what it makes of its input by
    all inputs, and adds its input, so that products of inputs are learned directly."""
    layers: tuple[LayerOrUnits, ...] = ()
    """The layers, in the order from the inputs to the heads."""
    members: Annotated[int, Field(ge=1, le=64)] = 1
    """How many networks of these layers learn side by side, each with a start of its own and a loss
    of its own for every row; heads read their mean."""
    dropout: Share = 0.0
    """The dropout after each layer."""
    input_dropout: Share = 0.0
    """The dropout before the first layer."""

    @model_validator(mode="after")
    def _layers_have_inputs(self) -> Self:
        if self.inputs == () and (self.layers or self.cross_layers):
            raise ValueError("`layers` and `cross_layers` need inputs to read")
        if self.inputs and len(set(self.inputs)) != len(self.inputs):
            raise ValueError("`inputs` must not name an input twice")
        return self


def _no_trunk(value: Any) -> Any:
    return {"inputs": ()} if value == "none" else value


TrunkOrNone = Annotated[
    Trunk, BeforeValidator(_no_trunk, json_schema_input_type=Literal["none"] | Trunk)
]
