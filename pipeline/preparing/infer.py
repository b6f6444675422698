"""A first spec from rows: kinds, a head, a split, each with its reason as a comment.

It looks at the first SAMPLE rows only and guesses: each kind of input and head says how well a
column suits it (kinds.looks). What it writes is valid and runs; whether it is what is wanted only
a person knows. No Beam, no TensorFlow.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from kinds.columns import Field, Kind, cast
from kinds.columns.columns import JsonLists, Values, only
from kinds.columns.readings import as_read, decided
from kinds.heads import show as heads
from kinds.inputs import show as inputs
from kinds.looks import Column, Look
from kinds.settings import readable_as_yaml
from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.rows.csv_dialect import AS_FOUND, Csv

SAMPLE = 100_000
_HEAD_NAMES = ("label", "target", "y", "class", "outcome", "response", "answer", "next")
_GROUP_NAMES = ("user", "session", "customer", "account", "group", "module", "document", "device")
# YAML takes these for values.
_NOT_NAMES = ("null", "true", "false")

_TIME = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}|$)"
_DATE = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
_TIMES = "times; give numbers such as the hour or the weekday if they say something"
# Fewer rows than this may differ by chance.
_FEW = 20

Looks = Mapping[Column, Look]


def spec_for(paths: Sequence[str], csv: Csv = AS_FOUND) -> str:
    """The YAML text of a spec for these rows. Raises Failure 2 where no spec would fit."""
    sample = _sampled(paths, csv)
    names = _names(sample)
    columns = [Column(names[column], column, _read(values)) for column, values in sample.items()]
    left_out = {column: reason for column in columns if (reason := _unfit(column))}
    looks = {c: _best(inputs.KINDS, c, _key(c)) for c in columns if c not in left_out}
    keys = {column: look for column, look in looks.items() if not look.settings}
    read = {column: look for column, look in looks.items() if look.settings}
    if len(read) < 2:
        rule = "the rows must have a column to predict and another to predict it from"
        said = [f"{c.column[:256]}: {left_out.get(c) or looks[c].reason}" for c in columns]
        raise Failure(Exit.USAGE, rule, received=said)
    return "\n".join(_lines(keys, read, left_out)) + "\n"


def _unfit(column: Column) -> str:
    """Why a column goes into no spec; empty where it does."""
    if pa.types.is_null(column.values.type):
        return "neither plain values nor flat lists"
    if not 0 < len(column.column) <= 256:
        return "a name that no spec can say"
    if not len(column.present):
        return "no value at all"
    if column.is_list:
        return ""
    if column.distinct == 1:
        return "one value only" if len(column.present) == len(column.values) else ""
    if column.all_match(_TIME) or (column.all_match(_DATE) and column.distinct > 2):
        return _TIMES
    return ""


def _key(column: Column) -> Look | None:
    """The look of a column that tells rows apart; no input, so without settings."""
    if column.is_list or not column.distinct == len(column.present) > _FEW:
        return None
    if column.is_whole and column.is_rising:
        return column.look(1.0, "whole numbers that rise from row to row")
    return column.look(0.6, "text that is different in every row")


def _best(
    kinds: Mapping[str, inputs.Show | heads.Show], column: Column, key: Look | None = None
) -> Look:
    """The surest of the looks that kinds of inputs or of heads take, and of that of a key."""
    looks = [key, *(kind.could_be(column) for kind in kinds.values())]
    return max((look for look in looks if look), key=lambda look: look.sure)


def _sampled(paths: Sequence[str], csv: Csv) -> dict[str, pa.Array]:
    """Text or lists of texts by column, of the first rows; null for a column without a text."""
    parts: dict[str, list[pa.Array]] = {}
    wanted = rows.column_names(paths[0], csv)
    left = SAMPLE
    for path in paths:
        for batch in rows.read(path, wanted, csv=csv):
            for name in wanted if left > 0 else ():
                parts.setdefault(name, []).append(_plain(batch.rows.slice(0, left), name))
            left -= batch.rows.num_rows
            if left <= 0:
                break
    if not parts:
        raise Failure(Exit.BAD_ROWS, "the input must have rows", received=list(paths))
    return {name: _joined(arrays) for name, arrays in parts.items()}


def _read(values: pa.Array) -> pa.Array:
    """The cells as prepare would read them, were these all rows: the same looks in every format."""
    if pa.types.is_null(values.type):
        return values
    there = values.flatten() if pa.types.is_list(values.type) else values
    counted = there.drop_null().value_counts()
    return as_read(values, decided(counted.field("values"), counted.field("counts")))


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


def _lines(keys: Looks, looks: Looks, left_out: Mapping[Column, str]) -> Iterator[str]:
    head, why = _head([*looks])
    target = _best(heads.KINDS, head)
    read = {column: look for column, look in looks.items() if column is not head}
    yield f"# A first guess from the first {SAMPLE:,} rows at most. Change what you know better."
    yield "name: first_guess"
    if keys:
        reasons = "; ".join(f"{column.name}: {look.reason}" for column, look in keys.items())
        yield f"\n# Columns that tell rows apart: {reasons}"
        yield f"keys: {_shown([column.column for column in keys])}"
    if vocabularies := [*_vocabularies(read, 10_000), *_vocabularies({head: target}, 25_000)]:
        yield "\nvocabularies:"
        yield from vocabularies
    yield "\ninputs:"
    for column, look in read.items():
        yield f"  # {_said(look)}"
        yield _part(column, look)
    for column, reason in left_out.items():
        yield f"  # left out: {_shown(column.column[:256])}: {reason}"
    yield "\nheads:"
    yield f"  # {why}. {_said(target)}"
    yield _part(head, target)
    yield from _split(looks, keys)


def _vocabularies(looks: Looks, size: int) -> Iterator[str]:
    for column, look in looks.items():
        if "vocabulary" in look.settings:
            rare = ", min_count: 2" if look.distinct > 1000 else ""
            yield f"  {column.name}: {{size: {size}{rare}}}  # {look.distinct:,} values seen"


def _part(column: Column, look: Look) -> str:
    """An input or a head of the spec."""
    said = [f"{setting}: {value}" for setting, value in look.settings.items()]
    said += [f"column: {_shown(column.column)}"] * (column.name != column.column)
    return f"  {column.name}: {{{', '.join(said)}}}"


def _split(looks: Looks, keys: Looks) -> Iterator[str]:
    groups = [c for c, look in looks.items() if look.groups and _is_group(c.column)]
    if groups:
        chosen, why = groups[:1], "what belongs together stays on one side"
    elif keys:
        chosen, why = [*keys], "every row falls on a side of its own"
    else:
        chosen, why = [*looks], "rows that are alike in all columns stay on one side"
    names = _shown([c.column for c in chosen])
    yield f"\n# A guess: {why}. A split by time is better where rows come in time."
    yield f"split: {{by: hash, columns: {names}, eval: 0.1, test: 0.1}}"


def _is_group(name: str) -> bool:
    return any(word in name.lower() for word in _GROUP_NAMES)


def _said(look: Look) -> str:
    missing = f", {look.missing:.1%} missing" if look.missing else ", none missing"
    return f"{look.reason}; {look.distinct:,} different{missing}"


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


def _shown(said: str | list[str]) -> str:
    return readable_as_yaml(json.dumps(said, ensure_ascii=False))
