"""A first spec from rows: kinds, a head, a split, each with its reason as a comment.

It looks at the first SAMPLE rows only and guesses. What it writes is valid and runs; whether it is
what is wanted only a person knows. No Beam, no TensorFlow.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from kinds.columns import Field, Kind, cast
from kinds.columns.columns import JsonLists, Values, only
from kinds.settings import readable_as_yaml
from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.roles import Column, column_of

SAMPLE = 100_000
_HEAD_NAMES = ("label", "target", "y", "class", "outcome", "response", "answer", "next")
_GROUP_NAMES = ("user", "session", "customer", "account", "group", "module", "document", "device")
# YAML takes these for values.
_NOT_NAMES = ("null", "true", "false")


def spec_for(paths: Sequence[str]) -> str:
    """The YAML text of a spec for these rows. Raises Failure 2 where no spec would fit."""
    sample = _sampled(paths)
    names = _names(sample)
    columns = [
        replace(column_of(column, values), name=names[column]) for column, values in sample.items()
    ]
    inputs = [c for c in columns if c.role in _INPUTS]
    if len(inputs) < 2:
        rule = "the rows must have a column to predict and another to predict it from"
        raise Failure(Exit.USAGE, rule, received=[f"{c.column}: {c.reason}" for c in columns])
    head, why = _head(inputs)
    inputs.remove(head)
    return "\n".join(_lines(columns, inputs, head, why)) + "\n"


def _sampled(paths: Sequence[str]) -> dict[str, pa.Array]:
    """Text or lists of texts by column, of the first rows; null for a column without a text."""
    parts: dict[str, list[pa.Array]] = {}
    wanted = rows.column_names(paths[0])
    left = SAMPLE
    for path in paths:
        for batch in rows.read(path, wanted):
            for name in wanted if left > 0 else ():
                parts.setdefault(name, []).append(_plain(batch.rows.slice(0, left), name))
            left -= batch.rows.num_rows
            if left <= 0:
                break
    if not parts:
        raise Failure(Exit.BAD_ROWS, "the input must have rows", received=list(paths))
    return {name: _joined(arrays) for name, arrays in parts.items()}


def _joined(arrays: list[pa.Array]) -> pa.Array:
    kinds = {array.type for array in arrays}
    if len(kinds) > 1:
        return pa.nulls(1)
    joined = pa.concat_arrays(arrays)
    if not isinstance(joined.type, Values):
        return joined
    values, several = only(joined)
    return joined.storage if any(len(bad.at) for bad in several) else values


def _plain(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The good cells of a column. Whether `Values` are lists only all batches together say."""
    received = batch.column(name).type
    is_list = pa.types.is_nested(received) or isinstance(received, Values | JsonLists)
    kind: Kind = "list" if is_list else "text"
    try:
        cells = cast(batch, [Field(name, kind)])[0].column(0)
    except Failure:
        return pa.nulls(batch.num_rows)
    if not isinstance(received, Values):
        return cells
    return pa.ExtensionArray.from_storage(Values(pa.string()), cells)


def _head(columns: Sequence[Column]) -> tuple[Column, str]:
    for wanted in _HEAD_NAMES:
        for column in columns:
            if wanted in re.split(r"[^a-z0-9]+", column.column.lower()):
                return column, f"a guess, by its name: {wanted!r}"
    return columns[-1], "a guess: the last column that is no key"


def _number(column: Column) -> str:
    return "{kind: number" + ", scale: log" * (column.role == "log")


def _category(column: Column) -> str:
    return f"{{kind: category, vocabulary: {column.name}"


def _list(column: Column) -> str:
    return f"{{kind: sequence, vocabulary: {column.name}, length: {column.length}"


_INPUTS: dict[str, Callable[[Column], str]] = {
    "number": _number,
    "log": _number,
    "category": _category,
    "flag": _category,
    "sequence": _list,
}


def _target(column: Column) -> str:
    if column.role == "flag":
        return "{kind: binary"
    if column.role in ("number", "log"):
        return "{kind: regression" + ", scale: log" * (column.role == "log")
    kind = "multilabel" if column.role == "sequence" else "classification"
    return f"{{kind: {kind}, vocabulary: {column.name}"


def _lines(
    columns: Sequence[Column], inputs: Sequence[Column], head: Column, why: str
) -> Iterator[str]:
    yield f"# A first guess from the first {SAMPLE:,} rows at most. Change what you know better."
    yield "name: first_guess"
    keys = [column for column in columns if column.role == "key"]
    if keys:
        yield "\n# Columns that tell rows apart: " + "; ".join(
            f"{k.name}: {k.reason}" for k in keys
        )
        yield f"keys: {_shown([k.column for k in keys])}"
    yield from _vocabularies(inputs, head)
    yield "\ninputs:"
    for column in inputs:
        yield f"  # {_said(column)}"
        yield f"  {column.name}: {_INPUTS[column.role](column)}{_where(column)}}}"
    for column in columns:
        if not column.role:
            yield f"  # left out: {_shown(column.column)}: {column.reason}"
    yield "\nheads:"
    yield f"  # {why}. {_said(head)}"
    yield f"  {head.name}: {_target(head)}{_where(head)}}}"
    yield from _split([c for c in columns if c.role], keys)


def _vocabularies(inputs: Sequence[Column], head: Column) -> Iterator[str]:
    looked_up = [c for c in [*inputs, head] if c.role in ("category", "sequence")]
    looked_up += [c for c in inputs if c.role == "flag"]
    if looked_up:
        yield "\nvocabularies:"
    for column in looked_up:
        size = 25_000 if column is head else 10_000
        rare = ", min_count: 2" if column.distinct > 1000 else ""
        yield f"  {column.name}: {{size: {size}{rare}}}  # {column.distinct:,} values seen"


def _split(columns: Sequence[Column], keys: Sequence[Column]) -> Iterator[str]:
    groups = [c for c in columns if c.role == "category" and _is_group(c.column)]
    if groups:
        chosen, why = groups[:1], "what belongs together stays on one side"
    elif keys:
        chosen, why = list(keys), "every row falls on a side of its own"
    else:
        chosen, why = list(columns), "rows that are alike in all columns stay on one side"
    names = _shown([c.column for c in chosen])
    yield f"\n# A guess: {why}. A split by time is better where rows come in time."
    yield f"split: {{by: hash, columns: {names}, eval: 0.1, test: 0.1}}"


def _is_group(name: str) -> bool:
    return any(word in name.lower() for word in _GROUP_NAMES)


def _said(column: Column) -> str:
    missing = f", {column.missing:.1%} missing" if column.missing else ", none missing"
    return f"{column.reason}; {column.distinct:,} different{missing}"


def _names(columns: Iterable[str]) -> dict[str, str]:
    """Column to a name that a spec takes, each only once.

    >>> list(_names(["user id", "user_id", "2nd", "null"]).values())
    ['user_id', 'user_id_2', '_2nd', 'null_']
    """
    names: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for column in columns:
        first = re.sub(r"[^A-Za-z0-9_]", "_", column)[:50]
        first = first if re.match("[A-Za-z_]", first) else f"_{first}"
        first += "_" * (first.lower() in _NOT_NAMES)
        name = first
        while name in taken:
            taken[first] += 1
            name = f"{first}_{taken[first]}"
        names[column], taken[name] = name, 1
    return names


def _where(column: Column) -> str:
    same = column.name == column.column
    return "" if same else f", column: {_shown(column.column)}"


def _shown(said: str | list[str]) -> str:
    return readable_as_yaml(json.dumps(said, ensure_ascii=False))
