"""What the file says about itself, in `metadata_props`: all that the scorer needs to know.

One definition for the export that writes it and the scorer that reads it. No spec and no onnx here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import NoneType
from typing import Any, get_args

from kinds.columns import Field, Kind
from pipeline.failures import Exit, Failure

KEY = "pipeline"
FORMAT = 1

_OUTPUTS = {
    "classification": ("labels", "scores"),
    "multilabel": ("labels", "scores"),
    "binary": ("score",),
    "regression": ("value",),
    "count": ("value",),
}


def outputs_of(head: str, kind: str) -> tuple[str, ...]:
    """
    >>> outputs_of("next", "classification")
    ('next.labels', 'next.scores')
    """
    return tuple(f"{head}.{output}" for output in _OUTPUTS[kind])


@dataclass(frozen=True)
class FileHead:
    """One head of the file. `entries` is the number of its labels, None where it has none.

    `separator` is between the labels of a multilabel target that is text.
    """

    name: str
    kind: str
    column: str
    outputs: tuple[str, ...]
    entries: int | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Metadata:
    """What the file is. `lengths` says how many elements of each typed list column it reads.

    `weight` is the column of the rows' weights. `training` says of each input how its values were
    spread among the training rows (serving.drift). `facts` are for people and later checks: hashes,
    versions, metrics, the spec, the certificate.
    """

    name: str
    fields: tuple[Field, ...]
    lengths: Mapping[str, int]
    keys: tuple[str, ...]
    heads: tuple[FileHead, ...]
    top_k: int
    weight: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        lengths = self.lengths
        fields = [asdict(f) | _if_any("length", lengths.get(f.output)) for f in self.fields]
        heads = [{k: v for k, v in asdict(h).items() if v is not None} for h in self.heads]
        content = {"format": FORMAT, "name": self.name, "fields": fields, "keys": self.keys}
        content |= _if_any("weight", self.weight) | _if_any("training", self.training or None)
        return json.dumps({**content, "heads": heads, "top_k": self.top_k, **self.facts})


def _if_any(key: str, value: object) -> dict[str, object]:
    return {} if value is None else {key: value}


def from_json(text: str) -> Metadata:
    """Reads what `to_json` wrote. Raises Failure (5) where it is not that."""
    try:
        content = json.loads(text)
        if content.pop("format") != FORMAT:
            raise ValueError("another format")
        said = content.pop("fields")
        lengths = {f["name"] or f["column"]: int(f.pop("length")) for f in said if "length" in f}
        heads = [_head(h) for h in content.pop("heads")]
        fields = tuple(_field(f) for f in said)
        if not (fields and heads):
            raise ValueError("nothing to read or nothing to give")
        return Metadata(
            name=str(content.pop("name")),
            fields=fields,
            lengths=lengths,
            keys=tuple(map(str, content.pop("keys"))),
            heads=tuple(heads),
            top_k=int(content.pop("top_k")),
            weight=content.pop("weight", None),
            training=dict(content.pop("training", {})),
            facts=content,
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        rule = f'the metadata "{KEY}" of the model must be what serving.export wrote'
        raise Failure(Exit.INTEGRITY, rule, received=text[:80]) from None


def _field(said: dict[str, Any]) -> Field:
    one = Field(**said)
    _check(one, column=str, kind=str, separator=str, name=str, required=bool, nonnegative=bool)
    sensible = one.separator and not (one.nonnegative and one.kind in ("text", "list"))
    if one.kind not in get_args(Kind) or not sensible:
        raise ValueError("a field that reads nothing")
    return one


def _head(said: dict[str, Any]) -> FileHead:
    one = FileHead(**said | {"outputs": tuple(said["outputs"])})
    _check(one, name=str, kind=str, column=str, entries=(int, NoneType), separator=(str, NoneType))
    if one.outputs != outputs_of(one.name, one.kind):
        raise ValueError("a head with other outputs")
    return one


def _check(part: Field | FileHead, **kinds: Any) -> None:
    """Raises ValueError where a text is none, or a number, or has half a character."""
    for name, kind in kinds.items():
        value = getattr(part, name)
        if not isinstance(value, kind):
            raise ValueError(name)
        str(value).encode()
