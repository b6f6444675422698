"""The spec: what the rows are, what the model is, what is to be predicted.

One YAML file names each thing once and everything else is derived from it. It is checked when
it is read, saved as JSON in every folder that a stage publishes, and read back from there.

A spec is a value: frozen, and never half valid. This module needs pydantic and PyYAML only.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from pipeline.failures import Exit, Failure

MAX_SPEC_BYTES = 1_000_000

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
        for check in (_names, _columns, _vocabularies, _tables, _shared_blocks, _heads):
            check(self)
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


def _names(spec: Spec) -> None:
    owners: dict[str, str] = {}
    for group in ("inputs", "heads"):
        for name in getattr(spec, group):
            if name in owners:
                raise ValueError(f"{group}.{name}: the name is taken by {owners[name]}.{name}")
            owners[name] = group


def _columns(spec: Spec) -> None:
    inputs = {spec.input_column(name): name for name in spec.inputs}
    for name in spec.heads:
        column = spec.head_column(name)
        if column in inputs:
            raise ValueError(
                f"heads.{name}: column {column!r} is also read by inputs.{inputs[column]}; "
                "a label that is an input gives the answer away"
            )
    if spec.weight is not None and spec.weight in inputs:
        raise ValueError(f"weight: column {spec.weight!r} is also an input")
    if len(set(spec.keys)) != len(spec.keys):
        raise ValueError("keys: a column is named twice")


def _defined(place: str, name: str, parts: dict[str, Any], kind: str) -> None:
    if name not in parts:
        raise ValueError(f"{place}: no {kind} is called {name!r}. Defined: {sorted(parts)}")


def _vocabularies(spec: Spec) -> None:
    used = set()
    for group, parts in (("inputs", spec.embedded_inputs()), ("heads", spec.label_heads())):
        for name, part in parts.items():
            _defined(f"{group}.{name}.vocabulary", part.vocabulary, spec.vocabularies, "vocabulary")
            used.add(part.vocabulary)
    if unused := sorted(set(spec.vocabularies) - used):
        raise ValueError(f"vocabularies.{unused[0]}: no input and no head uses it")


def _tables(spec: Spec) -> None:
    first: dict[str, tuple[str, Category | Sequence]] = {}
    for name, part in spec.embedded_inputs().items():
        owner, other = first.setdefault(part.table_name, (name, part))
        if (other.vocabulary, other.embedding) != (part.vocabulary, part.embedding):
            raise ValueError(
                f"inputs.{name}: shares the table {part.table_name!r} with inputs.{owner}, so its "
                f"vocabulary and embedding must be {other.vocabulary!r} and {other.embedding}; "
                "name another `table` to have one of its own"
            )


def _shared_blocks(spec: Spec) -> None:
    widths: dict[str, tuple[str, int]] = {}
    for name, part in spec.embedded_inputs().items():
        if part.through is None:
            continue
        _defined(f"inputs.{name}.through", part.through, spec.shared, "shared block")
        owner, width = widths.setdefault(part.through, (name, part.embedding))
        if width != part.embedding:
            raise ValueError(
                f"inputs.{name}: goes through {part.through!r} with inputs.{owner}, "
                f"so its embedding must be {width}, not {part.embedding}"
            )
    if unused := sorted(set(spec.shared) - set(widths)):
        raise ValueError(f"shared.{unused[0]}: no input goes through it")


def _heads(spec: Spec) -> None:
    tables = {part.table_name: part for part in spec.embedded_inputs().values()}
    for name, head in spec.heads.items():
        for source in head.inputs:
            _defined(f"heads.{name}.inputs", source, spec.inputs, "input")
        if isinstance(head, Classification | Multilabel) and head.tied is not None:
            _defined(f"heads.{name}.tied", head.tied, tables, "table")
            if tables[head.tied].vocabulary != head.vocabulary:
                raise ValueError(
                    f"heads.{name}.tied: the table {head.tied!r} is over the vocabulary "
                    f"{tables[head.tied].vocabulary!r}, the head over {head.vocabulary!r}"
                )


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: no aliases (they make bombs), no key given twice, and `yes`,
    `no`, `on`, `off`, `y` and `n` are words, not truth values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [r for r in resolvers if first not in "yYnNoO" or not r[0].endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_spec(path: Path) -> Spec:
    """Reads a spec from YAML or JSON (JSON is YAML). Raises Failure with exit code 2 or 5."""
    try:
        if path.stat().st_size > MAX_SPEC_BYTES:
            raise Failure(Exit.USAGE, f"a spec has at most {MAX_SPEC_BYTES:,} bytes", received=path)
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Failure(Exit.USAGE, "the spec must be a file that exists", received=path) from None
    except UnicodeDecodeError:
        raise Failure(Exit.USAGE, "the spec must be UTF-8 text", received=path) from None
    return parse_spec(text, source=str(path))


def parse_spec(text: str, *, source: str = "spec") -> Spec:
    """Makes a Spec of YAML text; a wrong one is a Failure that names the place.

    >>> parse_spec("name: n\\ninputs: {x: {kind: number}}\\nsplit: {by: hash, columns: [x]}")
    Traceback (most recent call last):
    pipeline.failures.Failure: spec: heads: Field required
    """
    try:
        said = yaml.load(text, Loader=_Loader)  # a SafeLoader made stricter
    except (yaml.YAMLError, RecursionError) as error:
        raise Failure(Exit.USAGE, f"{source}: not readable as YAML: {_one_line(error)}") from None
    if not isinstance(said, dict):
        raise Failure(Exit.USAGE, f"{source}: must be a mapping", received=type(said).__name__)
    try:
        return Spec.model_validate(said)
    except ValidationError as error:
        problems = [_problem(details) for details in error.errors()]
        raise Failure(Exit.USAGE, f"{source}: " + ". Also: ".join(problems[:5])) from None


def _problem(details: Any) -> str:
    place = _place(details["loc"])
    if details["type"] == "union_tag_invalid":
        tag = details["ctx"]["discriminator"].strip("'")
        expected, given = details["ctx"]["expected_tags"], details["ctx"]["tag"]
        return f"{place}.{tag}: must be one of {expected}. Received: {given!r}"
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        message = "no such setting"
    if details["type"] in ("value_error", "missing"):
        return f"{place}: {message}" if place else message
    return f"{place}: {message}. Received: {details['input']!r:.80}"


def _place(location: tuple[str | int, ...]) -> str:
    """The place as the person wrote it: without the union member that pydantic puts into it."""
    tag_at = {"inputs": 2, "heads": 2, "split": 1}.get(str(location[0]) if location else "")
    return ".".join(str(part) for at, part in enumerate(location) if at != tag_at)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
