"""A sample of a run's rows that is sure to hold the hard ones: what prepare proves itself on.

Missing, empty and unseen values, letters beyond ASCII, the longest lists, the least and greatest
numbers: of each such property of each column the sample keeps the rows with the smallest keys,
and some that are drawn by hash alone. So the sample of all rows is the same however they were
shared out. Numpy and pyarrow only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sides import scrambled

DRAWN = 1000
# Rows of each property: as many as make some DRAWN more, within these limits.
LEAST, MOST = 2, 16
# To be larger is a property that stands for all others: many such rows would fill the memory.
ROW_BYTES = 64 << 10
_ORIGIN, _ROW, _FEATURE = "origin", "row:", "feature:"
_NOT_ASCII = np.uint8(0x80)
Keys = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
# The rows of a batch that have a property, and the order in which they are kept.
Property = tuple[Places, Keys]


@dataclass(frozen=True)
class HardRows:
    """Some rows: float64 [rows, properties] their keys, inf where a row lacks the property, and
    what they are: origin, typed columns and features."""

    keys: Keys
    table: pa.Table

    @property
    def origins(self) -> npt.NDArray[np.int64]:
        return self.table[_ORIGIN].to_numpy()

    def typed(self) -> pa.RecordBatch:
        return _with_prefix(self.table, _ROW)

    def features(self) -> pa.RecordBatch:
        return _with_prefix(self.table, _FEATURE)


def hard_rows(
    typed: pa.RecordBatch,
    features: pa.RecordBatch,
    origin: npt.NDArray[np.int64],
    sizes: Mapping[str, int],
    than: HardRows | None,
) -> HardRows | None:
    """`than` with the rows of a batch that belong among it.

    `sizes` has the number of entries for each feature of ids: the first id of no entry.
    """
    properties = list(_properties(typed, features, origin, sizes))
    limits = _limits([keys for _, keys in properties] if than is None else list(than.keys.T))
    found = [
        (places[keys <= limit], keys[keys <= limit])
        for (places, keys), limit in zip(properties, limits, strict=True)
    ]
    wanted = np.unique(np.concatenate([places for places, _ in found]))
    if not len(wanted):
        return than
    new = HardRows(
        _matrix(wanted, len(origin), properties), _table(typed, features, origin, wanted)
    )
    return new if than is None else both(than, new)


def both(one: HardRows, other: HardRows) -> HardRows:
    """The sample of the rows of both."""
    keys = np.concatenate([one.keys, other.keys])
    kept = np.flatnonzero((keys <= _limits(list(keys.T))).any(axis=1))
    kept = kept[np.argsort(np.concatenate([one.origins, other.origins])[kept])]
    table = pa.concat_tables([one.table, other.table]).take(pa.array(kept))
    return HardRows(keys[kept], table.combine_chunks())


def _limits(keys: list[Keys]) -> Keys:
    """The greatest key of each property that is kept."""
    each = int(np.clip(DRAWN // len(keys), LEAST, MOST))
    counts = [DRAWN] + [each] * (len(keys) - 1)
    return np.array([_smallest(own, count) for own, count in zip(keys, counts, strict=True)])


def _smallest(keys: Keys, count: int) -> float:
    """The `count`-th smallest key; the greatest number where there are less."""
    largest = float(np.finfo(np.float64).max)
    return min(largest, np.partition(keys, count - 1)[count - 1]) if len(keys) >= count else largest


def _matrix(wanted: Places, count: int, properties: list[Property]) -> Keys:
    matrix = np.full((len(wanted), len(properties)), np.inf)
    rows = np.full(count, -1)
    rows[wanted] = np.arange(len(wanted))
    for at, (places, keys) in enumerate(properties):
        there = rows[places] >= 0
        matrix[rows[places[there]], at] = keys[there]
    return matrix


def _table(
    typed: pa.RecordBatch, features: pa.RecordBatch, origin: Places, wanted: Places
) -> pa.Table:
    columns = {_ORIGIN: pa.array(origin[wanted])}
    for prefix, batch in ((_ROW, typed), (_FEATURE, features)):
        taken = batch.take(pa.array(wanted))
        columns |= {
            f"{prefix}{name}": column
            for name, column in zip(taken.schema.names, taken.columns, strict=True)
        }
    return pa.table(columns)


def _properties(
    typed: pa.RecordBatch, features: pa.RecordBatch, origin: Places, sizes: Mapping[str, int]
) -> Iterator[Property]:
    """For each property of each column the rows that have it, rising, with their keys: a whole
    number, the smaller the harder the row, and a fraction by hash."""
    drawn = scrambled(origin.astype(np.uint64)) / 2.0**64
    large = _row_bytes(typed) > ROW_BYTES
    rows = np.flatnonzero(~large)
    yield rows, drawn[rows]
    yield np.flatnonzero(large), drawn[large]
    for places, order in _found(typed, features, sizes):
        keys = drawn[places] if order is None else drawn[places] + order
        yield (places, keys) if len(rows) == len(drawn) else _without(large, places, keys)


def _without(large: npt.NDArray[np.bool_], places: Places, keys: Keys) -> Property:
    return places[~large[places]], keys[~large[places]]


def _found(
    typed: pa.RecordBatch, features: pa.RecordBatch, sizes: Mapping[str, int]
) -> Iterator[tuple[Places, Keys | None]]:
    """The rows of each property; the whole numbers of their keys where these are not all 0."""
    for column in typed.columns:
        if pa.types.is_list(column.type):
            ends, elements = _opened(column)
            lengths = np.diff(ends, prepend=0)
            yield np.arange(len(ends)), -lengths.astype(np.float64)
            for places in _empty_places(column, lengths):
                yield places, None
            if pa.types.is_floating(elements.type):
                numbers = elements.to_numpy(zero_copy_only=False)
                for sign in (1, -1):
                    yield _extremes(numbers * np.float32(sign), ends)
                continue
            for places in _text_places(elements):
                yield _rows_of(places, ends), None
        elif not pa.types.is_string(column.type):
            numbers = _numbers(column)
            is_missing = np.isnan(numbers)
            yield np.flatnonzero(is_missing), None
            there = np.flatnonzero(~is_missing)
            order = _order(numbers[there])
            yield there, order
            yield there, -order
        else:
            for places in _text_places(column):
                yield places, None
    for name in sizes:
        ends, ids = _opened(features.column(name))
        yield _rows_of(np.flatnonzero(ids.to_numpy() == sizes[name]), ends), None


def _extremes(numbers: npt.NDArray[np.float32], ends: Places) -> tuple[Places, Keys]:
    """The rows that have numbers, and the order of the least number of each."""
    there = np.flatnonzero(np.diff(ends, prepend=0))
    starts = (ends - np.diff(ends, prepend=0))[there]
    return there, _order(np.minimum.reduceat(numbers, starts) if len(there) else numbers[:0])


def _opened(lists: pa.Array) -> tuple[Places, pa.Array]:
    """Where each row's list ends, and the elements of all."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets[1:] - offsets[0], lists.values.slice(offsets[0], offsets[-1] - offsets[0])


def _rows_of(elements: Places, ends: Places) -> Places:
    """The rows that the elements at these places are of."""
    there = np.zeros(len(ends), np.bool_)
    there[np.searchsorted(ends, elements, side="right")] = True
    return np.flatnonzero(there)


def _empty_places(column: pa.Array, lengths: npt.NDArray[Any]) -> Iterator[Places]:
    """The places of what is missing, and of what is there and empty."""
    empty = lengths == 0
    if not column.null_count:
        yield np.array([], np.int64)
        yield np.flatnonzero(empty)
        return
    missing = column.is_null().to_numpy(zero_copy_only=False)
    yield np.flatnonzero(missing)
    yield np.flatnonzero(empty & ~missing)


def _text_places(texts: pa.Array) -> Iterator[Places]:
    """The places of texts that are missing, empty, or hold other letters than ASCII."""
    starts = _starts(texts)
    yield from _empty_places(texts, np.diff(starts))
    data = texts.buffers()[2]
    letters = np.frombuffer(data or b"", np.uint8)[starts[0] : starts[-1]]
    is_ascii = not len(letters) or letters.max() < _NOT_ASCII
    wide = [] if is_ascii else pc.fill_null(pc.invert(pc.string_is_ascii(texts)), False)
    yield np.flatnonzero(wide)


def _starts(texts: pa.Array) -> npt.NDArray[np.int32]:
    """Where each text begins in the bytes of all, and where the last ends."""
    offsets = np.frombuffer(texts.buffers()[1] or bytes(4), np.int32)
    return offsets[texts.offset : texts.offset + len(texts) + 1]


def _numbers(column: pa.Array) -> npt.NDArray[np.float32]:
    """Numbers, and points in time as numbers; NaN where one is missing."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64()).cast(pa.float32(), safe=False)
    return column.to_numpy(zero_copy_only=False)


def _order(numbers: npt.NDArray[np.float32]) -> Keys:
    """Whole numbers in the order of float32 ones. To seven bits of their fraction: what is left of
    the key's bits keeps equal numbers apart."""
    bits = numbers.astype(np.float32, copy=False).view(np.int32)
    return ((bits ^ ((bits >> 31) & 0x7FFFFFFF)) >> 16).astype(np.float64)


def _row_bytes(typed: pa.RecordBatch) -> Places:
    """The bytes of each row's texts and lists."""
    total = np.zeros(typed.num_rows, np.int64)
    for column in typed.columns:
        if pa.types.is_list(column.type):
            ends, elements = _opened(column)
            if pa.types.is_floating(elements.type):
                total += np.diff(ends, prepend=0) * elements.type.byte_width
            else:
                total += np.diff(_starts(elements)[np.append(0, ends)])
        elif pa.types.is_string(column.type):
            total += np.diff(_starts(column))
    return total


def _with_prefix(table: pa.Table, prefix: str) -> pa.RecordBatch:
    names = [name for name in table.column_names if name.startswith(prefix)]
    columns = [table[name].combine_chunks() for name in names]
    return pa.RecordBatch.from_arrays(columns, [name.removeprefix(prefix) for name in names])
