"""Rows that are to go: those that have one of some values in a column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field, Rejected, cast, family
from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.near import near_columns
from pipeline.rows.csv_dialect import Csv

# {column: values}: a row is meant where any of its columns has one of the values.
Meant = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class FoundIn:
    """What a file holds: how many `rows`, the numbers of those that are meant (int64, sorted), and
    the rows that cannot be read, of which nobody knows whose they are."""

    path: str
    rows: int
    meant: npt.NDArray[np.int64]
    unreadable: Sequence[Rejected]

    @property
    def left(self) -> int:
        return self.rows - len(self.meant)


def find(path: str, meant: Meant, csv: Csv) -> FoundIn:
    """Raises Failure: 2 where the file has no such column, or lists in it, 5 where it is damaged.

    A cell has a value where it has the same text: 42 in a column of numbers has that of "42".
    """
    names = rows.column_names(path, csv)
    _check_columns(path, list(meant), names)
    fields = [Field(column, "text") for column in meant]
    wanted = [pa.array(values, pa.string()) for values in meant.values()]
    count, numbers, unreadable = 0, [np.zeros(0, np.int64)], list[Rejected]()
    for raw in rows.read(path, list(meant), csv=csv):
        _check_single(path, raw.rows.schema)
        typed, good, bad = cast(raw.rows, fields)
        is_meant = np.zeros(typed.num_rows, bool)
        for column, values in zip(typed.columns, wanted, strict=True):
            is_meant |= np.asarray(pc.is_in(column, value_set=values))
        own = raw.numbers()
        numbers.append(own[good][is_meant])
        unreadable += [*raw.broken, *(replace(one, row=int(own[one.row])) for one in bad)]
        count += raw.rows.num_rows + len(raw.broken)
    return FoundIn(path, count, np.concatenate(numbers), unreadable)


def _check_columns(path: str, columns: Sequence[str], names: Sequence[str]) -> None:
    if rows.is_loose(path):
        rows.check_columns(path, columns)
        return
    if names and (missing := [column for column in columns if column not in names]):
        rule = f"{path} must have the columns that the rows are told by; missing: {missing}"
        raise Failure(Exit.USAGE, rule + near_columns(missing, names), received=names[:50])


def _check_single(path: str, schema: pa.Schema) -> None:
    if lists := [column.name for column in schema if family(column.type) == "lists"]:
        rule = f"rows of {path} must be told by columns with one value in a cell"
        raise Failure(Exit.USAGE, rule, received=f"lists in {lists}")
