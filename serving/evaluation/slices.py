"""Slices of rows: those with one value of a column, those that a condition holds for, and more.

country       a slice for each frequent value      age<30      the rows that it holds for
--slices      labels by how frequent they are, rows with values that the model does not know,
              and those it is worst on (serving.evaluation.worst)
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field, cast
from kinds.columns.texts import text
from kinds.heads.any.metrics import Array
from pipeline.failures import Exit, Failure
from serving.evaluation.targets import Target

MOST_VALUES = 20
# Ids of labels are by falling frequency among the training rows.
RANKS = (10, 100, 1_000, 10_000)
NONE = -1
_COMPARED: Mapping[str, Callable[[Array, float], Array]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"(.+?)\s*(<=|>=|!=|<|>|=)\s*(.*)")


@dataclass(frozen=True)
class SlicedRows:
    """Rows as the model reads them and as they came; the targets of a head; and of each input
    whether it has values that the model does not know [rows]."""

    typed: pa.RecordBatch
    raw: pa.RecordBatch
    target: Target
    unknown: Mapping[str, Array]


class Slices(Protocol):
    """Slices that no two of which share a row. `columns` are the raw ones that they read."""

    columns: Sequence[str]

    def names(self) -> Sequence[str]:
        """Of each slice, or "" for a place that is not used."""

    def of(self, rows: SlicedRows) -> Array:
        """int64 [rows]: the place of each row's slice, or NONE."""


class ByValue:
    """By the values of a raw column, as text: the most frequent ones of the first rows, and all
    others together."""

    def __init__(self, column: str) -> None:
        self.columns: Sequence[str] = [column]
        self._values: pa.Array | None = None

    def names(self) -> Sequence[str]:
        column = self.columns[0]
        values = [] if self._values is None else self._values.to_pylist()
        named = [f"{column} is missing" if v is None else f"{column} = {v}" for v in values]
        unused = [""] * (MOST_VALUES - len(named))
        return [*named, *unused, f"{column}: other values"]

    def of(self, rows: SlicedRows) -> Array:
        column = rows.raw.column(self.columns[0])
        if not (pa.types.is_string(column.type) or pa.types.is_null(column.type)):
            column = text(column)
        if self._values is None:
            counted = pc.value_counts(column).to_pylist()
            often = sorted(counted, key=lambda one: -one["counts"])[:MOST_VALUES]
            self._values = pa.array([one["values"] for one in often], pa.string())
        place = pc.fill_null(pc.index_in(column.cast(pa.string()), self._values), MOST_VALUES)
        return np.asarray(place.to_numpy(zero_copy_only=False), np.int64)


class ByCondition:
    """The rows for which a number or a text is as said. A missing value is not."""

    def __init__(self, column: str, compared: str, value: str, field: Field) -> None:
        self.columns: Sequence[str] = [column]
        self._name, self._compared, self._value = f"{column}{compared}{value}", compared, value
        self._field = replace(field, name="value")

    def names(self) -> Sequence[str]:
        return [self._name]

    def of(self, rows: SlicedRows) -> Array:
        holds = np.zeros(rows.raw.num_rows, bool)
        typed, good, _ = cast(rows.raw.select(self.columns), [self._field])
        column = typed.column("value")
        if pa.types.is_floating(column.type):
            values = column.to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):
                found = _COMPARED[self._compared](values, float(self._value)) & ~np.isnan(values)
        else:
            same = pc.equal(column, self._value)
            asked = same if self._compared == "=" else pc.invert(same)
            found = pc.fill_null(asked, False).to_numpy(zero_copy_only=False)
        holds[good] = found
        return np.where(holds, 0, NONE)


class ByFrequency:
    """By the rank of the target's label among the training rows; a set of labels by its rarest."""

    columns: Sequence[str] = ()

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._ends = [rank for rank in RANKS if rank < entries] + [entries]

    def names(self) -> Sequence[str]:
        starts = [1, *(end + 1 for end in self._ends[:-1])]
        named = [f"labels {a:,} to {b:,}" for a, b in zip(starts, self._ends, strict=True)]
        return [*named, "labels unknown"]

    def of(self, rows: SlicedRows) -> Array:
        place = np.full(len(rows.target.there), NONE)
        own = np.searchsorted(self._ends, rows.target.values, side="right")
        np.maximum.at(place, rows.target.owners, own)
        return place


class ByKnown:
    """Rows of which an input has values that the model does not know, and the others."""

    columns: Sequence[str] = ()

    def __init__(self, of_input: str) -> None:
        self._input = of_input

    def names(self) -> Sequence[str]:
        return [f"{self._input}: all known", f"{self._input}: some unknown"]

    def of(self, rows: SlicedRows) -> Array:
        return rows.unknown[self._input].astype(np.int64)


def asked_slices(
    said: Sequence[str], held: Sequence[set[str]], fields: Sequence[Field]
) -> list[Slices]:
    """Of what a person asks for. A column's name comes before a condition. Raises Failure 2."""
    return [_asked(one, set.intersection(*held) if held else set(), fields) for one in said]


def _asked(said: str, columns: set[str], fields: Sequence[Field]) -> Slices:
    if said in columns:
        return ByValue(said)
    found = _CONDITION.fullmatch(said)
    if found is None or found[1] not in columns:
        rule = "a slice is a column of the rows, or a condition such as 'age<30' on one"
        raise Failure(Exit.USAGE, rule, received=said)
    column, compared, value = found.groups()
    if _is_number(value):
        numbers = [field for field in fields if (field.column, field.kind) == (column, "number")]
        field = numbers[0] if numbers else Field(column, "number")
        return ByCondition(column, compared, value, replace(field, required=False))
    if compared not in ("=", "!="):
        rule = "a slice compares with a number, or with a text by = or !="
        raise Failure(Exit.USAGE, rule, received=said)
    return ByCondition(column, compared, value, Field(column, "text"))


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False
