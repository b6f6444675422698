"""A first spec from rows: kinds, a head, a split, each with its reason as a comment.

It looks at the first SAMPLE rows only and guesses. What it writes is valid and runs; whether it is
what is wanted only a person knows. No Beam, no TensorFlow.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import rows
from pipeline.casting import Field, Kind, cast
from pipeline.failures import Exit, Failure

SAMPLE = 100_000
FEW = 20
LONGEST = 50
_HEAD_NAMES = ("label", "target", "y", "class", "outcome", "response", "answer", "next")
_GROUP_NAMES = ("user", "session", "customer", "account", "group", "module", "document", "device")
# YAML takes these for values.
_NOT_NAMES = ("null", "true", "false")
_FLAGS = {frozenset(pair) for pair in (("0", "1"), ("f", "t"), ("n", "y"))} | {
    frozenset(pair) for pair in (("false", "true"), ("no", "yes"))
}


@dataclass(frozen=True)
class Column:
    """What is in a column, and what it looks like: a role and the reason for it.

    `name` is what the spec calls it, `column` what the rows do.
    """

    name: str
    column: str
    missing: float
    distinct: int
    role: str
    reason: str
    length: int = 0


def spec_for(paths: Sequence[str]) -> str:
    """The YAML text of a spec for these rows. Raises Failure 2 where no spec would fit."""
    sample = _sampled(paths)
    names = _names(sample)
    columns = [
        replace(_column(column, values), name=names[column]) for column, values in sample.items()
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
    return pa.concat_arrays(arrays) if len(kinds) == 1 else pa.nulls(1)


def _plain(batch: pa.RecordBatch, name: str) -> pa.Array:
    kind: Kind = "list" if pa.types.is_nested(batch.column(name).type) else "text"
    try:
        return cast(batch, [Field(name, kind)])[0].column(0)
    except Failure:
        return pa.nulls(batch.num_rows)


def _column(name: str, values: pa.Array) -> Column:
    if pa.types.is_null(values.type):
        return Column("", name, 1.0, 0, "", "neither plain values nor flat lists")
    if not 0 < len(name) <= 256:
        return Column("", name[:256], 1.0, 0, "", "a name that no spec can say")
    if pa.types.is_list(values.type):
        return _sequence(name, values, "lists")
    present = values.drop_null()
    present = present.filter(pc.not_equal(present, ""))
    share, distinct = 1 - len(present) / len(values), pc.count_distinct(present).as_py()
    role, reason = _role(present, distinct)
    if role == "sequence":
        return _sequence(name, pc.split_pattern(values, " "), reason)
    return Column("", name, share, distinct, role, reason)


def _sequence(name: str, lists: pa.Array, reason: str) -> Column:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    values, length = lists.flatten(), int(np.quantile(lengths, 0.95))
    if not len(values):
        return Column("", name, 1.0, 0, "", "no value at all")
    distinct = pc.count_distinct(values.drop_null()).as_py()
    length = min(LONGEST, max(1, length))
    why = f"{reason}; 95 % have at most {length} elements" if length < LONGEST else reason
    return Column("", name, float((lengths == 0).mean()), distinct, "sequence", why, length)


def _role(present: pa.Array, distinct: int) -> tuple[str, str]:
    """What a column of texts that are there looks like, and why."""
    if distinct < 2:
        return "", "no value at all" if distinct == 0 else "one value only"
    if frozenset(v.lower() for v in present.unique()[:3].to_pylist()) in _FLAGS:
        return "flag", "two values that say yes and no"
    leading_zero = pc.any(pc.match_substring_regex(present, "^0[0-9]")).as_py()
    batch = pa.RecordBatch.from_arrays([present], names=["x"])
    typed, _, bad = cast(batch, [Field("x", "number")])
    if not bad and not leading_zero:
        return _number_role(typed.column(0).to_numpy(), present, distinct)
    words = pc.split_pattern(present, " ")
    every = words.flatten()
    if len(every) > 3 * len(present) and pc.count_distinct(every).as_py() < len(every) / 2:
        return "sequence", "words with spaces between them that come again and again"
    if distinct == len(present) and distinct > FEW:
        return "key", "text that is different in every row"
    return "category", "numbers with leading zeros" if leading_zero and not bad else "text"


def _number_role(numbers: np.ndarray, present: pa.Array, distinct: int) -> tuple[str, str]:
    whole = not pc.any(pc.match_substring_regex(present, "[.eE]")).as_py()
    if whole and distinct == len(numbers) > FEW and bool((np.diff(numbers) > 0).all()):
        return "key", "whole numbers that rise from row to row"
    if numbers.min() >= 0 and numbers.mean() > 2 * max(float(np.median(numbers)), 1e-9):
        return "log", "numbers from 0 up, a few of them far above the others"
    return "number", "numbers"


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
        yield f"keys: {json.dumps([k.column for k in keys], ensure_ascii=False)}"
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
    names = json.dumps([c.column for c in chosen], ensure_ascii=False)
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
    for column in columns:
        name = re.sub(r"[^A-Za-z0-9_]", "_", column)[:50]
        name = name if re.match("[A-Za-z_]", name) else f"_{name}"
        name += "_" * (name.lower() in _NOT_NAMES)
        same = [n for n in names.values() if n == name or re.fullmatch(f"{name}_[0-9]+", n)]
        names[column] = f"{name}_{len(same) + 1}" if same else name
    return names


def _where(column: Column) -> str:
    same = column.name == column.column
    return "" if same else f", column: {_shown(column.column)}"


def _shown(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
