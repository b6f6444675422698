"""Metadata of a file, in its `metadata_props`: all that the scorer needs to know.

One definition for the export that writes it and the scorer that reads it. No spec and no onnx here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import NoneType
from typing import Any

from kinds.columns import Field
from kinds.columns.numerals import Numerals
from kinds.heads.score import FileHead
from kinds.tensors import FORMAT
from kinds.words import Words
from pipeline.failures import Exit, Failure
from pipeline.sides import Split
from serving.model_file.unknown import MEMORY, Remembered, Usual

KEY = "pipeline"


@dataclass(frozen=True)
class Metadata:
    """What the file is. `lengths` says how many values of each typed list column it reads.

    `weight` is the column of the rows' weights. `training` says of each input how its values were
    spread among the training rows (serving.evaluation.drift), and how many of them are unknown to
    its vocabulary, and of each memory how often it knows a value. `support` says of each head with
    labels how many training rows have them: [[count, how many labels after each other have it],
    ...]. `facts` are for people and later checks: hashes, versions, metrics, the
    spec, the certificate.
    """

    name: str
    fields: tuple[Field, ...]
    lengths: Mapping[str, int]
    keys: tuple[str, ...]
    heads: tuple[FileHead, ...]
    top_k: int
    weight: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    support: dict[str, list[list[int]]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def usual(self) -> dict[str, Usual]:
        """What the rows that the model was made with say of each input that looks values up."""
        said = {n: of["unknown"] for n, of in self.training.items() if "unknown" in of}
        return {n: Usual(int(of["size"]), float(of["share"])) for n, of in said.items()}

    def words(self) -> dict[str, list[Words]]:
        """Of each typed column that the file splits, which words the inputs read."""
        found: dict[str, list[Words]] = {}
        for said in self.training.values():
            if "words" in said:
                found.setdefault(str(said["column"]), []).append(Words(**said["words"]))
        return found

    def memories(self) -> dict[str, Remembered]:
        """Those whose values new rows may have or not."""
        said = {n: of["memory"] for n, of in self.training.items() if "memory" in of}
        return {
            n.removeprefix(MEMORY): Remembered(of["place"], int(of["size"]), float(of["known"]))
            for n, of in said.items()
        }

    @property
    def missing_words(self) -> tuple[str, ...]:
        """The words that mean a missing value in every column."""
        return tuple(map(str, self.facts.get("spec", {}).get("missing_words", ())))

    @property
    def split(self) -> Split | None:
        """Which rows it was trained on; None where the file does not say."""
        said = self.facts.get("spec", {}).get("split")
        return None if said is None else Split.of(said)

    def to_json(self) -> str:
        lengths = self.lengths
        fields = [_plain(f) | _if_any("length", lengths.get(f.output)) for f in self.fields]
        heads = [
            asdict(head) | {"target": _plain(head.target), "outputs": head.outputs}
            for head in self.heads
        ]
        content = {"format": FORMAT, "name": self.name, "fields": fields, "keys": self.keys}
        content |= _if_any("weight", self.weight) | _if_any("training", self.training or None)
        content |= _if_any("support", self.support or None)
        return json.dumps({**content, "heads": heads, "top_k": self.top_k, **self.facts})


def _plain(one: Field) -> dict[str, Any]:
    """A field as earlier versions know it, unless it says more."""
    later = {"reading", "dates", "numerals", "missing_words", "width", "spaces", "lower", "beside"}
    later |= {"weighted_by"}
    usual = asdict(Field(one.column, one.kind))
    return {k: v for k, v in asdict(one).items() if k not in later or v != usual[k]}


def _if_any(key: str, value: object) -> dict[str, object]:
    return {} if value is None else {key: value}


def from_json(text: str) -> Metadata:
    """Reads what `to_json` wrote. Raises Failure (5) where it is not that."""
    try:
        content = json.loads(text)
        if (made := content.pop("format")) != FORMAT:
            rule = f"the model must be of format {FORMAT}: export its run with this version"
            raise Failure(Exit.INTEGRITY, rule, received=made)
        said = content.pop("fields")
        lengths = {f["name"] or f["column"]: int(f.pop("length")) for f in said if "length" in f}
        heads = [_head(h) for h in content.pop("heads")]
        fields = tuple(_field(f) for f in said)
        if not (fields and heads):
            raise ValueError("nothing to read or nothing to give")
        lists = {one.output for one in fields if one.column_type.is_list()}
        if not {one.beside for one in fields if one.beside} <= lists:
            raise ValueError("beside no list")
        found = Metadata(
            name=str(content.pop("name")),
            fields=fields,
            lengths=lengths,
            keys=tuple(map(str, content.pop("keys"))),
            heads=tuple(heads),
            top_k=int(content.pop("top_k")),
            weight=content.pop("weight", None),
            training=dict(content.pop("training", {})),
            support=dict(content.pop("support", {})),
            facts=content,
        )
        found.usual()
        _check_support(found)
        return found
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        rule = f'the metadata "{KEY}" of the model must be what serving.export wrote'
        raise Failure(Exit.INTEGRITY, rule, received=text[:80]) from None


def _check_support(found: Metadata) -> None:
    entries = {head.name: head.entries for head in found.heads}
    for head, runs in found.support.items():
        counts, labels = zip(*runs, strict=True)
        if min(counts) < 0 or min(labels) < 1 or sum(labels) != entries[head]:
            raise ValueError("support")


def _field(said: dict[str, Any]) -> Field:
    numerals = Numerals(**said.pop("numerals", {}))
    _check(numerals, decimal=str, thousands=str, percent=bool, currency=str)
    words = tuple(said.pop("missing_words", ()))
    one = Field(numerals=numerals, missing_words=words, **said)
    _check(one, column=str, kind=str, separator=str, name=str, reading=str, dates=str)
    _check(one, spaces=str, lower=bool, weighted_by=str)
    if not all(isinstance(word, str) for word in words):
        raise ValueError("missing_words")
    "".join(words).encode()
    _check(one, required=bool, nonnegative=bool, beside=str, width=(int, NoneType))
    return one


def _head(said: dict[str, Any]) -> FileHead:
    outputs, target = tuple(said.pop("outputs")), _field(said.pop("target"))
    one = FileHead(target=target, **said)
    _check(one, name=str, kind=str, entries=(int, NoneType), settings=dict)
    if one.outputs != outputs:
        raise ValueError("a head with other outputs")
    return one


def _check(part: Field | FileHead | Numerals, **kinds: Any) -> None:
    """Raises ValueError where a text is none, or a number, or has half a character."""
    for name, kind in kinds.items():
        value = getattr(part, name)
        if not isinstance(value, kind):
            raise ValueError(name)
        str(value).encode()
