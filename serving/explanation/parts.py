"""Parts of a row that an explanation takes as missing: inputs, and single elements of lists.

An input here is a column, with all that the model reads of it: its list and the weights beside
that go together. The arrays are those that a file takes (serving.model_file.feeds).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.columns import Field
from kinds.datetimes import MISSING
from serving.explanation.words import Text, WordPart
from serving.model_file.metadata import Metadata

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Part:
    """The typed columns of an input; with `back` only the element that stands so far from the end
    of the list, 1 for the last."""

    name: str
    columns: tuple[str, ...]
    back: int | None = None

    def is_in(self, rows: Arrays) -> Array:
        """bool [rows]: where there is anything of it."""
        arrays = [rows[name] for name in self.columns]
        if self.back is not None:
            return np.asarray(arrays[0][:, -self.back] != "")
        there = [~is_nothing(a) for a in arrays]
        each = [a if a.ndim == 1 else a.any(axis=1) for a in there]
        return np.asarray(np.logical_or.reduce(each))

    @property
    def is_input(self) -> bool:
        """A missing input is an input all the same; an element that is not there is none."""
        return self.back is None

    def taken_out(self, rows: Arrays) -> Arrays:
        """The rows without it. Of a list what stands before the element moves up."""
        if self.back is None:
            return rows | {name: _nothing_like(rows[name]) for name in self.columns}
        return rows | {name: _without(rows[name], self.back) for name in self.columns}


def inputs_of(metadata: Metadata) -> list[Part]:
    """In the order of the file."""
    found: dict[str, list[str]] = {}
    owners: dict[str, str] = {}
    for field in metadata.fields:
        owner = owners.get(field.beside, field.column)
        owners[field.output] = owner
        found.setdefault(owner, []).append(field.output)
    return [Part(name, tuple(columns)) for name, columns in found.items()]


def elements_of(metadata: Metadata) -> list[Part]:
    """Of every list of texts all elements that the file reads, the last one first. They are called
    as memories call them: items.last, items.last2."""
    found = []
    fields = {field.output: field for field in metadata.fields}
    for one in inputs_of(metadata):
        lists = [name for name in one.columns if _is_list_of_texts(fields[name])]
        if not lists:
            continue
        beside = [name for name in one.columns if fields[name].beside in lists]
        # One column may be read as several lists, of other lengths; each has the same last one.
        for back in range(1, max(metadata.lengths[name] for name in lists) + 1):
            of = sorted((*lists, *beside), key=lambda n: -metadata.lengths[n])
            columns = [name for name in of if metadata.lengths[name] >= back]
            name = f"{one.name}.last{back if back > 1 else ''}"
            found.append(Part(name, tuple(columns), back))
    return found


def texts_of(metadata: Metadata) -> list[Text]:
    """The columns that the file splits into words."""
    words, found = metadata.words(), []
    for one in inputs_of(metadata):
        if columns := [name for name in one.columns if name in words]:
            first, *others = [read for name in columns for read in words[name]]
            alike = [read for read in others if read.separator == first.separator]
            found.append(Text(one.name, tuple(columns), (first, *alike)))
    return found


def _is_list_of_texts(field: Field) -> bool:
    return field.column_type.is_list() and field.column_type.element() == "string"


def without(rows: Arrays, parts: Sequence[Part | WordPart]) -> Arrays:
    """The rows without these parts."""
    for part in parts:
        rows = part.taken_out(rows)
    return rows


def _nothing(array: Array) -> Any:
    if array.dtype == object:
        return ""
    return MISSING if array.dtype == np.int64 else np.nan


def is_nothing(array: Array) -> Array:
    """bool of the same shape: where no value is."""
    nothing = _nothing(array)
    return np.asarray(array == nothing if nothing == nothing else np.isnan(array))


def _nothing_like(array: Array) -> Array:
    return np.full_like(array, _nothing(array))


def _without(lists: Array, back: int) -> Array:
    """
    >>> _without(np.array([["a", "b", "c"]], object), 2).tolist()
    [['', 'a', 'c']]
    """
    kept = np.delete(lists, lists.shape[1] - back, axis=1)
    return np.concatenate([_nothing_like(lists[:, :1]), kept], axis=1)
