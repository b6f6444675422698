"""The spec: what the rows are, what the model is, what is to be predicted.

One YAML file names each thing once and everything else is derived from it. It is checked when
it is read, saved as JSON in every folder that a stage publishes, and read back from there.

A spec is a value: frozen, and never half valid. pipeline.spec_file reads one from a file. This
module needs pydantic only.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from pipeline.spec_checks import check_parts

# A standardised number is cut at this many deviations from the mean, so that one broken cell can
# neither drown the rest of its row nor make the scores of the row overflow.
NUMBER_LIMIT = 100.0

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
Column = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Separator = Annotated[str, StringConstraints(min_length=1, max_length=8)]
Activation = Literal["relu", "gelu", "silu", "tanh", "sigmoid"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Vocabulary(_Part):
    """The values that get an id of their own: the `size` most frequent, or those in `values`.

    Ids run from 0 by falling frequency. Every other value shares one id, the one after the last.
    """

    size: Count = 10_000
    min_count: Count = 1
    values: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _values_are_distinct(self) -> Self:
        if self.values is not None and len(set(self.values)) != len(self.values):
            raise ValueError("`values` must not repeat a value")
        return self


class Layer(_Part):
    """One dense layer. In YAML a bare number is a layer of that many units with relu."""

    units: Count
    activation: Activation | None = "relu"
    bias: bool = True


def _layer_from_units(value: Any) -> Any:
    return {"units": value} if isinstance(value, int) and not isinstance(value, bool) else value


LayerOrUnits = Annotated[Layer, BeforeValidator(_layer_from_units)]


class Phases(_Part):
    """Batch updates of a shared block of its own, while all else stands still.

    One comes after every `every` epochs, the first after epoch `start`, none after the last.
    `between` phases the block is `frozen` or learns with the rest (`joint`). What is not given
    follows from the block: `frozen` and `kfac` for a matrix, `joint` and `lbfgs` for a network.
    """

    every: Count
    start: Count | None = None
    between: Literal["frozen", "joint"] | None = None
    method: Literal["steps", "lbfgs", "kfac"] | None = None
    rows: Count | Literal["all"] = 65_536
    max_evals: Count = 12
    accept: Literal["train", "holdout"] = "holdout"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


class Shared(_Part):
    """Weights that are owned once and used by every input that goes `through` them.

    `units` is one matrix without a bias, `layers` a small network.
    """

    units: Count | None = None
    layers: tuple[LayerOrUnits, ...] = ()
    phases: Phases | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.units is None) == (not self.layers):
            raise ValueError("give either `units` (one matrix, no bias) or `layers`")
        return self

    @model_validator(mode="after")
    def _kfac_is_for_a_matrix(self) -> Self:
        if self.phases and self.phases.method == "kfac" and self.units is None:
            raise ValueError("`method: kfac` is for a block of `units`; choose lbfgs or steps")
        return self

    def dense_layers(self) -> tuple[Layer, ...]:
        if self.units is not None:
            return (Layer(units=self.units, activation=None, bias=False),)
        return self.layers

    @property
    def is_linear(self) -> bool:
        return all(layer.activation is None for layer in self.dense_layers())


class _Embedded(_Part):
    """What a category and a sequence have in common: a vocabulary and its embedding."""

    column: Column | None = None
    vocabulary: Name
    embedding: Count = 50
    table: Name | None = None
    through: Name | None = None

    @property
    def table_name(self) -> str:
        """Inputs over one vocabulary share its embedding table unless they name another."""
        return self.table or self.vocabulary


class Category(_Embedded):
    """One value of a vocabulary."""

    kind: Literal["category"] = "category"


class Sequence(_Embedded):
    """A list of values of a vocabulary; the last `length` count, padded on the left."""

    kind: Literal["sequence"] = "sequence"
    length: Count
    separator: Separator = " "
    combine: Literal["concat", "mean", "sum", "max", "lstm", "gru", "attention"] = "concat"
    units: Count | None = None
    attention_heads: Count = 1

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


class Number(_Part):
    """A number: standardised, its logarithm standardised, or cut at quantiles and embedded.

    A missing one becomes `missing` (the mean where that is not given) and sets a flag beside it;
    with `missing: reject` it is a bad row instead, and there is no flag. What is standardised is
    cut at 100 deviations.
    """

    kind: Literal["number"] = "number"
    column: Column | None = None
    scale: Literal["standard", "log", "buckets", "none"] = "standard"
    buckets: Annotated[int, Field(ge=2, le=10_000)] | None = None
    embedding: Count | None = None
    missing: float | Literal["reject"] | None = None

    @model_validator(mode="after")
    def _buckets_have_an_embedding(self) -> Self:
        if (self.scale == "buckets") != (self.buckets is not None):
            raise ValueError("`scale: buckets` and the number of `buckets` go together")
        if (self.scale == "buckets") != (self.embedding is not None):
            raise ValueError("`scale: buckets` and the size of its `embedding` go together")
        return self


Input = Annotated[Category | Sequence | Number, Field(discriminator="kind")]


class _Head(_Part):
    """What every head has. A row whose target is missing does not count for that head."""

    column: Column | None = None
    weight: Positive = 1.0
    inputs: tuple[Name, ...] = ()


class _LabelHead(_Head):
    vocabulary: Name
    top_k: Count = 10
    tied: Name | None = None


class Classification(_LabelHead):
    """One label of a vocabulary: softmax."""

    kind: Literal["classification"] = "classification"
    label_smoothing: Share = 0.0
    class_weights: dict[str, Positive] | Literal["balanced"] | None = None


class Multilabel(_LabelHead):
    """Any number of labels of a vocabulary: one sigmoid each."""

    kind: Literal["multilabel"] = "multilabel"
    separator: Separator = " "


class Binary(_Head):
    """Yes or no: one sigmoid."""

    kind: Literal["binary"] = "binary"
    class_weights: dict[Literal["0", "1"], Positive] | Literal["balanced"] | None = None


class Regression(_Head):
    """A number: predicted standardised, or its logarithm is, and given back in its own unit."""

    kind: Literal["regression"] = "regression"
    scale: Literal["standard", "log", "none"] = "standard"


class Counts(_Head):
    """A count: Poisson, with a logarithmic link."""

    kind: Literal["count"] = "count"


Head = Annotated[
    Classification | Multilabel | Binary | Regression | Counts, Field(discriminator="kind")
]


class Trunk(_Part):
    """The dense layers between the joined inputs and the heads."""

    layers: tuple[LayerOrUnits, ...] = ()
    dropout: Share = 0.0
    input_dropout: Share = 0.0


class HashSplit(_Part):
    """Rows with equal values in `columns` fall on the same side."""

    by: Literal["hash"]
    columns: tuple[Column, ...] = Field(min_length=1)
    eval: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _some_left_for_training(self) -> Self:
        if self.eval + self.test >= 1:
            raise ValueError("`eval` and `test` must leave rows for training")
        return self


class ColumnSplit(_Part):
    """The value of one column says the side; every value that is not listed trains."""

    by: Literal["column"]
    column: Column
    eval: tuple[str, ...] = Field(min_length=1)
    test: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _no_value_twice(self) -> Self:
        if both := set(self.eval) & set(self.test):
            raise ValueError(f"a value cannot be in `eval` and in `test`: {sorted(both)}")
        return self


class FileSplit(_Part):
    """The file's name says the side; a file that no pattern matches trains."""

    by: Literal["file"]
    eval: tuple[str, ...] = Field(min_length=1)
    test: tuple[str, ...] = ()


Split = Annotated[HashSplit | ColumnSplit | FileSplit, Field(discriminator="by")]


class Training(_Part):
    """How the weights are learned."""

    epochs: Count = 10
    batch_size: Count = 1024
    optimizer: Literal["adam", "adagrad", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    clip_norm: Positive | None = None
    balance: Literal["constant_predictor", "none", "uncertainty"] = "constant_predictor"
    patience: Count | None = 2
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1


class Spec(_Part):
    """The whole spec. Refused with one message where its parts do not fit together."""

    name: Name
    keys: tuple[Column, ...] = ()
    weight: Column | None = None
    vocabularies: dict[Name, Vocabulary] = {}
    shared: dict[Name, Shared] = {}
    inputs: dict[Name, Input] = Field(min_length=1)
    trunk: Trunk = Trunk()
    heads: dict[Name, Head] = Field(min_length=1)
    split: Split
    training: Training = Training()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_parts(self)
        return self

    def input_column(self, name: str) -> str:
        return self.inputs[name].column or name

    def head_column(self, name: str) -> str:
        return self.heads[name].column or name

    def embedded_inputs(self) -> dict[str, Category | Sequence]:
        """The inputs that look an id up: categories and sequences."""
        return {n: i for n, i in self.inputs.items() if isinstance(i, Category | Sequence)}

    def number_inputs(self) -> dict[str, Number]:
        return {n: i for n, i in self.inputs.items() if isinstance(i, Number)}

    def label_heads(self) -> dict[str, Classification | Multilabel]:
        """The heads whose target is one label of a vocabulary, or several."""
        return {n: h for n, h in self.heads.items() if isinstance(h, Classification | Multilabel)}

    def to_json(self) -> str:
        return self.model_dump_json(indent=2, exclude_defaults=False) + "\n"

    def preparation_hash(self) -> str:
        """SHA-256 of all that prepare depends on: the rows it makes stay valid while this does."""
        said: dict[str, Any] = {
            "keys": self.keys,
            "weight": self.weight,
            "split": self.split.model_dump(mode="json"),
            "vocabularies": {n: v.model_dump(mode="json") for n, v in self.vocabularies.items()},
            "inputs": {
                name: (self.input_column(name), part.model_dump(mode="json", include=_PREPARED))
                for name, part in self.inputs.items()
            },
            "heads": {
                name: (self.head_column(name), part.model_dump(mode="json", include=_PREPARED))
                for name, part in self.heads.items()
            },
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


_PREPARED = {"kind", "vocabulary", "length", "separator", "scale", "buckets", "missing"}
