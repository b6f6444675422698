"""Texts that hold a value and its weight, such as milk:2, cut where the last separator stands."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import large_rows
from kinds.columns.columns import Bad
from kinds.lists import list_lengths


@dataclass(frozen=True)
class Cut:
    """Lists of values and lists of their weights, both texts; and the rows in which a value has no
    weight."""

    values: pa.Array
    weights: pa.Array
    without: Bad


def cut(lists: pa.Array, separator: str) -> Cut:
    """
    >>> made = cut(pa.array([["a:1.5", "b:c:2"], None, ["d"]]), ":")
    >>> made.values.to_pylist(), made.weights.to_pylist(), made.without.at.tolist()
    ([['a', 'b:c'], None, ['d']], [['1.5', '2'], None, [None]], [2])
    """
    texts, lengths = lists.flatten(), list_lengths(lists)
    memory = large_rows.pool(texts.nbytes, len(texts))
    parts = pc.split_pattern(texts, separator, max_splits=1, reverse=True, memory_pool=memory)
    counts, flat = list_lengths(parts), parts.flatten()
    starts = np.cumsum(counts) - counts
    owners = np.repeat(np.arange(len(lists)), lengths)
    return Cut(
        _lists(flat, starts, counts > 0, lists),
        _lists(flat, starts + 1, counts > 1, lists),
        Bad("without_weight", np.unique(owners[counts < 2])),
    )


def _lists(
    flat: pa.Array, places: npt.NDArray[Any], there: npt.NDArray[np.bool_], lists: pa.Array
) -> pa.Array:
    """The texts at these places where there are some, in lists as long as those given."""
    offsets = np.concatenate([[0], np.cumsum(list_lengths(lists))]).astype(np.int32)
    texts = flat.take(pa.array(np.where(there, places, 0), mask=~there))
    return pa.ListArray.from_arrays(pa.array(offsets), texts, mask=lists.is_null())
