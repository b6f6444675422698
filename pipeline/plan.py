"""What a spec asks to be learned from the training rows, and from which columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline import spec as specs
from pipeline.fields import Fields
from pipeline.sources import Source


@dataclass(frozen=True)
class Plan:
    """What is to be learned, by the names of inputs and heads.

    `counted` maps a vocabulary to its users. `scaled` has the scale of each number with a mean and
    a deviation, `cut` the number of buckets. `first` has the values that keep their ids.
    """

    sources: dict[str, Source]
    vocabularies: dict[str, specs.Vocabulary]
    counted: dict[str, list[str]]
    scaled: dict[str, str]
    cut: dict[str, int]
    first: dict[str, pa.Array]


def plan_of(spec: specs.Spec, fields: Fields, first: Mapping[str, list[str]] | None = None) -> Plan:
    """`first` has the values that keep the first ids of a vocabulary."""
    parts: dict[str, Any] = {**spec.inputs, **spec.heads}
    users: dict[str, Any] = {**spec.embedded_inputs(), **spec.label_heads()}
    learned = [name for name, said in spec.vocabularies.items() if said.values is None]
    return Plan(
        sources_of(spec, fields),
        spec.vocabularies,
        {v: [n for n, part in users.items() if part.vocabulary == v] for v in learned},
        {name: parts[name].scale for name in standardised(spec)},
        {name: part.buckets for name, part in spec.number_inputs().items() if part.buckets},
        {name: pa.array(values, pa.string()) for name, values in (first or {}).items()},
    )


def sources_of(spec: specs.Spec, fields: Fields) -> dict[str, Source]:
    """The source of every input and head."""
    inputs = {
        name: Source(fields.inputs[name], getattr(part, "length", None), is_label=False)
        for name, part in spec.inputs.items()
    }
    heads = {name: Source(fields.heads[name], None, is_label=True) for name in spec.heads}
    return inputs | heads


def standardised(spec: specs.Spec) -> list[str]:
    """The inputs and heads that have a mean and a deviation, in the order of the graph's."""
    parts: dict[str, Any] = {**spec.number_inputs(), **spec.heads}
    return [n for n, part in parts.items() if getattr(part, "scale", "") in ("standard", "log")]
