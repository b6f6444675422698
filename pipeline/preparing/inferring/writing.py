"""A spec as YAML text: each decision with what speaks for it, and against it, as a comment."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kinds.looks.measures import percent
from kinds.settings import readable_as_yaml
from pipeline.preparing.inferring.model import Model, Vocabulary
from pipeline.preparing.inferring.parts import Part, Roles

# YAML takes these for values.
_NOT_NAMES = ("null", "true", "false")
_SHOWN = 256
_WIDTH = 100


def text(roles: Roles, model: Model) -> str:
    """The whole spec."""
    return "\n".join(_lines(roles, model)) + "\n"


def _lines(roles: Roles, model: Model) -> Iterator[str]:
    yield from _beginning(roles)
    if roles.keys:
        yield ""
        yield from _comment(f"Columns that tell rows apart: {roles.keys_why}")
        yield f"keys: {_shown([column.column for column in roles.keys])}"
    if roles.missing_words:
        yield ""
        yield from _comment(
            "Cells of numbers, days, and yes or no that say that there is none; so they are in all "
            "columns."
        )
        yield f"missing_words: {_value(roles.missing_words)}"
    yield from _vocabularies(model)
    if _remembers(roles):
        yield ""
        yield from _comment("What training rows say of single values, as far as it helps.")
        yield "memory: auto"
    yield "\ninputs:"
    names = _Names([part.name for part in [*roles.inputs, *roles.heads]])
    vocabularies = model.by_part()
    for part in roles.inputs:
        yield from _input(part, vocabularies.get(part), names, roles.missing_words)
    for column, reason in roles.left_out.items():
        yield from _comment(f"left out: {_shown(column[:_SHOWN])}: {reason}", "  ")
    yield "\nheads:"
    for part in roles.heads:
        name = _shown(part.column.column[:_SHOWN])
        yield from _comment(
            f"{name} is predicted, {part.why}: {_said(part, roles.missing_words)}", "  "
        )
        settings = dict(part.look.settings)
        if (vocabulary := vocabularies.get(part)) is not None:
            settings["vocabulary"] = vocabulary.name
        if part in model.tied:
            settings["tied"] = model.tied[part]
        yield _part(part.name, part, settings)
    yield from _split(roles)
    yield ""
    yield from _comment(
        "Epochs, rates, layers and widths are chosen for the rows (docs/training.md)."
    )
    yield "training: auto"


def _beginning(roles: Roles) -> Iterator[str]:
    sample = roles.sample
    looked = (
        f"{sample.rows:,} of {sample.read:,} rows"
        if sample.rows < sample.read
        else (f"{sample.read:,} rows")
    )
    if sample.share < 0.995:
        looked += f", from all parts of the files, {sample.share:.1%} of which were read"
    yield f"# A first spec from {looked}. Change what you know better."
    if sample.broken:
        yield f"# {sample.broken:,} rows do not fit the header and are rejected."
    yield "name: first_guess"


def _remembers(roles: Roles) -> bool:
    """Whether some input has values that come again."""
    return any("vocabulary" in part.look.settings for part in roles.inputs)


def _vocabularies(model: Model) -> Iterator[str]:
    if model.vocabularies:
        yield "\nvocabularies:"
    for one in model.vocabularies:
        settings: dict[str, Any] = {"size": one.size}
        if one.min_count > 1:
            settings["min_count"] = one.min_count
        if one.counted:
            settings["counted"] = [part.name for part in one.counted]
        yield from _comment(one.said, "  ")
        yield f"  {one.name}: {_flow(settings)}"


class _Names:
    """Names that are not taken yet."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def new(self, wanted: str) -> str:
        while wanted in self._taken:
            wanted += "_"
        self._taken.add(wanted)
        return wanted


def _input(
    part: Part, vocabulary: Vocabulary | None, names: _Names, words: Sequence[str]
) -> Iterator[str]:
    yield from _comment(_said(part, words), "  ")
    own: dict[str, Any] = {}
    if vocabulary is not None:
        own = {"vocabulary": vocabulary.name}
    name = part.column.name
    yield _part(name, part, {**part.look.settings, **own})
    for ending, settings in part.look.more.items():
        yield _part(names.new(f"{name}_{ending}"), part, {**settings, **own})


def _part(name: str, part: Part, settings: Mapping[str, Any]) -> str:
    """An input or a head of the spec."""
    said: dict[str, Any] = {"kind": part.kind, **settings}
    # What comes next stands in the list, not in a column.
    if name != part.column.column and not part.look.of_next:
        said["column"] = part.column.column
    return f"  {name}: {_flow(said)}"


def _split(roles: Roles) -> Iterator[str]:
    assert roles.split is not None
    yield ""
    yield from _comment(f"Held out: {roles.split.why}.")
    yield f"split: {_flow(roles.split.settings)}"


def _said(part: Part, words: Sequence[str]) -> str:
    """Why a column is what it is. `words` say in all columns that there is no value."""
    of, look = part.column.counted, part.look
    none = pc.is_in(pc.utf8_trim_whitespace(of.values), pa.array(words, pa.string()))
    none = none.to_numpy(zero_copy_only=False)
    share = part.column.missing + of.counts[none].sum() / max(1, of.rows) * (
        not part.column.is_list
    )
    missing = f"{percent(share)} missing" if share > 0 else "none missing"
    said = f"{look.reason}; {of.distinct - none.sum():,} different, {missing}"
    said += f". Against it: {look.against}" if look.against else ""
    return _plain(f"{said}. {look.otherwise}" if look.otherwise else said)


def _comment(said: str, indent: str = "") -> Iterator[str]:
    """Lines of a comment, none of them too long to be read."""
    for line in wrap(_plain(said), _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"{indent}# {line}"


def _plain(said: str) -> str:
    """A reason on one line, whatever stood in the rows."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", " ", said)


def _flow(settings: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in settings.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _flow(value)
    if isinstance(value, str):
        # Only what YAML would read otherwise needs quotes.
        return (
            value
            if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value) and (value.lower() not in _NOT_NAMES)
            else _shown(value)
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return readable_as_yaml(json.dumps(value))


def names_of(columns: Iterable[str]) -> dict[str, str]:
    """Column to a name that a spec takes, each only once.

    >>> list(names_of(["user id", "user_id", "2nd", "null"]).values())
    ['user_id', 'user_id_2', '_2nd', 'null_']
    >>> list(names_of(["Größe (m²)", "Preis (€)", "1. Spalte", "名前"]).values())
    ['Grosse_m2', 'Preis', '_1_Spalte', 'column']
    """
    names: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for column in columns:
        first = _plain_letters(column)[:50]
        first = first if re.match("[A-Za-z_]", first) else f"_{first}"
        first += "_" * (first.lower() in _NOT_NAMES)
        name = first
        while name in taken:
            taken[first] += 1
            name = f"{first}_{taken[first]}"
        names[column], taken[name] = name, 1
    return names


def _plain_letters(column: str) -> str:
    """A name in the letters that a spec's names have: those of others without their marks."""
    if re.fullmatch("[A-Za-z0-9_]+", column):
        return column
    apart = unicodedata.normalize("NFKD", column.replace("ß", "ss"))
    letters = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return re.sub("[^A-Za-z0-9_]+", "_", letters).strip("_") or "column"


def _shown(said: str | list[str]) -> str:
    return readable_as_yaml(json.dumps(said, ensure_ascii=False))
