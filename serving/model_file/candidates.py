"""Candidates: which labels of a head may come back, for all rows or row by row.

Labels that must not come back, such as what a user has, stand in a column of lists or in one list
for all rows; so do those that alone may. What is left keeps the rank and the score that it has
among all labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds import tensors
from kinds.columns import Field
from kinds.columns.columns import TEXTS
from kinds.columns.lists import left_padded
from kinds.columns.readings import as_read
from kinds.heads.score import FileHead
from kinds.lists import list_lengths
from pipeline.failures import Exit, Failure
from serving.model_file.network import NO_LIMIT, Arrays
from serving.model_file.unknown import UnknownValues

Array = npt.NDArray[Any]
# A column of the rows, or labels for all rows; by the head's name where there are several heads.
Wish = str | Sequence[str]
Wishes = Wish | Mapping[str, Wish]


@dataclass(frozen=True)
class Limit:
    """What is asked of one head: columns of lists of labels, and labels for all rows. `only_labels`
    None: all labels."""

    exclude_column: str | None = None
    only_column: str | None = None
    exclude_labels: Sequence[str] = ()
    only_labels: Sequence[str] | None = None


def limits_of(
    heads: Sequence[FileHead], exclude: Wishes | None, only: Wishes | None
) -> dict[str, Limit]:
    """What is asked of each head, by its name. Raises Failure 2 where a wish fits no head."""
    found: dict[str, Limit] = {}
    for name, wish in _by_head(heads, "exclude", exclude).items():
        is_column = isinstance(wish, str)
        found[name] = Limit(exclude_column=wish) if is_column else Limit(exclude_labels=wish)
    for name, wish in _by_head(heads, "only", only).items():
        limit = found.get(name, Limit())
        is_column = isinstance(wish, str)
        wished = {"only_column" if is_column else "only_labels": wish}
        found[name] = replace(limit, **wished)
    return found


def _by_head(heads: Sequence[FileHead], option: str, wishes: Wishes | None) -> dict[str, Any]:
    if wishes is None:
        return {}
    given = wishes if isinstance(wishes, Mapping) else {only_head(heads, option): wishes}
    labelled = [head.name for head in heads if head.entries is not None]
    if unknown := sorted(set(given) - set(labelled)):
        rule = f"{option} takes the name of a head with labels, one of {labelled}"
        raise Failure(Exit.USAGE, rule, received=unknown)
    return {name: _wish(option, wish) for name, wish in given.items()}


def _wish(option: str, wish: Any) -> str | list[str]:
    if isinstance(wish, str):
        return wish
    if not isinstance(wish, Iterable) or isinstance(wish, bytes | Mapping):
        rule = f"{option} takes the name of a column or a list of labels"
        raise Failure(Exit.USAGE, rule, received=repr(wish)[:80])
    return [str(label) for label in wish]


def only_head(heads: Sequence[FileHead], option: str) -> str:
    """The head that is meant where none is named. Raises Failure 2 where there are several."""
    labelled = [head.name for head in heads if head.entries is not None]
    if len(labelled) != 1:
        rule = f"{option} must name the head if not exactly one has labels"
        raise Failure(Exit.USAGE, rule, received=f"the heads with labels {labelled}")
    return labelled[0]


class Candidates:
    """The limits with what a file knows: the columns to read, and the ids of labels.

    `fields` are those that the model reads, `labels` those of each head that has some, by id.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit],
        heads: Sequence[FileHead],
        fields: Sequence[Field],
        labels: Mapping[str, pa.Array],
    ) -> None:
        own = {head.name: head for head in heads}
        self._heads = [
            _OfHead(own[name], limit, fields, labels[name]) for name, limit in limits.items()
        ]

    @property
    def heads(self) -> list[str]:
        """The names of the heads that have a limit."""
        return [one.head.name for one in self._heads]

    @property
    def fields(self) -> list[Field]:
        """The typed columns that rows need beside those of the model."""
        return [field for one in self._heads for field in one.fields]

    @property
    def columns(self) -> list[str]:
        return [field.column for field in self.fields]

    @property
    def unknown(self) -> list[str]:
        """What labels for all rows the heads do not have, a line for each."""
        return [line for one in self._heads for line in one.unknown]

    def lists(self, typed: pa.RecordBatch, seen: UnknownValues | None = None) -> "Lists":
        """The ids in the columns of these rows. Labels of `exclude` that the model does not know
        change nothing; `seen` counts them."""
        return Lists([part for one in self._heads for part in one.lists(typed, seen)])


@dataclass(frozen=True)
class _List:
    """The ids of labels: for all rows [1, n], or of each row, one after the other, with lengths."""

    name: str
    ids: Array
    lengths: Array | None = None
    starts: Array | None = None
    none: int = 0

    def of(self, start: int, end: int) -> Array:
        if self.lengths is None or self.starts is None:
            return self.ids
        lengths = self.lengths[start:end]
        ids = self.ids[self.starts[start] : self.starts[end]]
        # At least one place: without any, `only` would be no limit.
        return left_padded(ids, lengths, max(1, int(lengths.max(initial=0))), self.none)


@dataclass(frozen=True)
class Lists:
    """Lists of ids for some rows, as the network takes them."""

    parts: list[_List]

    def of(self, start: int, end: int) -> Arrays:
        return {part.name: part.of(start, end) for part in self.parts}


class _OfHead:
    def __init__(
        self, head: FileHead, limit: Limit, fields: Sequence[Field], labels: pa.Array
    ) -> None:
        self.head, self._limit = head, limit
        self._none = len(labels)
        self._labels = labels
        self._columns = {
            of(head.name): _field(column, of(head.name), head, fields)
            for of, column in (
                (tensors.exclude, limit.exclude_column),
                (tensors.only, limit.only_column),
            )
            if column is not None
        }
        self.unknown: list[str] = []
        self._allowed = self._of_all_rows()

    @property
    def fields(self) -> list[Field]:
        return list(self._columns.values())

    def _of_all_rows(self) -> Array | None:
        """bool [labels + 1]: what may come back in any row; None where that is all."""
        only, exclude = self._limit.only_labels, self._limit.exclude_labels
        if only is None and not exclude:
            return None
        allowed = np.zeros(self._none + 1, bool)
        allowed[slice(0, self._none) if only is None else self._ids("only", only)] = True
        allowed[self._ids("exclude", exclude)] = False
        allowed[self._none] = False
        if not allowed.any():
            rule = f"a label of the head {self.head.name!r} must be left to come back"
            raise Failure(Exit.USAGE, rule, received=f"none of {self._none:,}")
        return allowed

    def _ids(self, option: str, labels: Sequence[str]) -> Array:
        ids = self._looked_up(as_read(pa.array(labels, pa.string()), self.head.target.reading))
        if unknown := int((ids == self._none).sum()):
            line = f"{option}: {unknown:,} of {len(labels):,} labels are unknown to the head"
            self.unknown.append(f"{line} {self.head.name!r}")
        return ids

    def _looked_up(self, texts: pa.Array) -> Array:
        found = pc.index_in(texts, value_set=self._labels)
        return pc.fill_null(found, self._none).cast(pa.int64()).to_numpy(zero_copy_only=False)

    def lists(self, typed: pa.RecordBatch, seen: UnknownValues | None) -> list[_List]:
        name = self.head.name
        return [
            self._list(typed, tensors.exclude(name), None, seen),
            self._list(typed, tensors.only(name), self._allowed, None),
        ]

    def _list(
        self, typed: pa.RecordBatch, name: str, allowed: Array | None, seen: UnknownValues | None
    ) -> _List:
        place = tensors.ids_of(name, self.head.name)
        if name not in self._columns:
            ids = NO_LIMIT if allowed is None else np.flatnonzero(allowed)[None, :]
            return _List(place, ids)
        column = typed.column(name)
        if pa.types.is_list(column.type):
            lengths, texts = list_lengths(column), column.flatten()
        else:
            lengths, texts = column.is_valid().cast(pa.int64()).to_numpy(), column.drop_null()
        ids = self._looked_up(texts)
        if seen is not None:
            there = texts.is_valid().to_numpy(zero_copy_only=False)
            seen.values[name] += int(there.sum())
            seen.unknown[name] += int((there & (ids == self._none)).sum())
        if allowed is not None:
            ids = np.where(allowed[ids], ids, self._none)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return _List(place, ids, lengths, starts, self._none)


def _field(column: str, name: str, head: FileHead, fields: Sequence[Field]) -> Field:
    """The column as the model reads it already, or else as lists of the head's labels."""
    own = next((f for f in fields if f.column == column and _has_texts(f)), None)
    target = head.target
    of_target = Field(
        column,
        "list",
        target.separator,
        name=name,
        reading=target.reading,
        missing_words=target.missing_words,
    )
    if own is None:
        return of_target
    return replace(own, name=name, reading=target.reading, required=False)


def _has_texts(field: Field) -> bool:
    """Whether the typed column is a text or a list of texts, none that the file splits."""
    return field.type in (pa.string(), TEXTS) and not field.column_type.is_split_in_file()
