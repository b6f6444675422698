"""What speaks for a column being a sequence: lists, or texts that several values make up."""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from kinds.looks.column import Column
from kinds.looks.look import Look
from kinds.looks.number_forms import numbers_in

LONGEST = 50
# So many values in every row have a place each: tokens before a word, measurements in turn.
_PLACES = 12
_LAST = 3
_RECENT = 4
_ALL = {"combine": "transformer", "dropout": 0.3}


def could_be(column: Column) -> Look | None:
    if column.followed:
        return _followed(column)
    if column.said == "id":
        return None
    if column.said == "text":
        return _look(column, 2.0, "text, as was said: its words")
    if column.is_list:
        return _of_lists(column)
    if column.cut_times:
        return _of_times(column)
    if (listed := column.listed) is not None:
        said = f"{listed.distinct:,} values with {listed.separator!r} between them make up "
        said += f"{listed.texts:,} texts"
        return _look(column, 0.7, said, separator=listed.separator)
    words = column.words
    if words is not None and column.is_running:
        return _look(column, 0.7, "words that come again and again")
    return None


def _followed(column: Column) -> Look:
    """Its last element and its last four have places of their own: what they say needs no
    attention."""
    separator = (
        {} if column.is_list or column.listed is None else {"separator": column.listed.separator}
    )
    own = {"vocabulary": column.name, "length": _length(column), **separator}
    more = {"last": {**own, "length": 1}, "recent": {**own, "length": _RECENT, "combine": "mean"}}
    return Look(
        2.0, "lists, each learned from at all places", "", {**own, **_ALL}, more, of_elements=True
    )


def _of_times(column: Column) -> Look:
    """Days and times that no date reads: hour and minute, or month and year, each in its place."""
    assert column.time is not None
    own = {"vocabulary": column.name, "length": _length(column), "separator": column.cut_times}
    said = f"{column.time.said}: each part has a place of its own"
    return Look(0.7, said, column.time.unsure, own, of_elements=True)


def _of_lists(column: Column) -> Look:
    lengths = _lengths(column)
    numbers = numbers_in(column.present.slice(0, 10_000))
    if numbers is not None and len(numbers.values) and lengths.min() == lengths.max() > 1:
        fractions = (numbers.values != np.rint(numbers.values)).mean() > 0.5
        if fractions:
            return Look(0.0, f"vectors of {int(lengths.max())} numbers each")
    return _look(column, 1.0, "lists")


def _look(column: Column, sure: float, reason: str, **settings: Any) -> Look:
    lengths, length = _lengths(column), _length(column)
    if length < LONGEST:
        reason = f"{reason}; 95 % have at most {length} elements"
    own = {"vocabulary": column.name, "length": length, **settings}
    if column.weights:
        own |= {"combine": "mean", "weights": column.weights}
        said = f"{reason}; {column.weights!r} has a weight for each element"
        return Look(sure, said, "", own, of_elements=True)
    if column.holds_target:
        last = {**own, "length": min(_LAST, length)}
        more = {"last": last} if length > _LAST else {}
        reason += "; what comes last has a place of its own"
        settings = {**own, "combine": "mean"} if more else own
        return Look(sure, reason, "", settings, more, of_elements=True)
    in_places = column.is_list and lengths.min() == length == lengths.max() <= _PLACES
    settings = own if in_places or length == 1 else {**own, "combine": "mean"}
    return Look(sure, reason, "", settings, of_elements=True)


def _length(column: Column) -> int:
    lengths = _lengths(column)
    return min(LONGEST, max(1, int(np.quantile(lengths, 0.95, method="higher"))))


def _lengths(column: Column) -> np.ndarray:
    found = pc.fill_null(pc.list_value_length(column.lists), 0)
    return np.asarray(found.to_numpy(zero_copy_only=False))
