"""Arrow lists: their lengths, their last elements, and lists made of flat values.

Numpy and pyarrow only.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Lengths = npt.NDArray[np.int64]


def list_lengths(lists: pa.Array) -> Lengths:
    """int64 [lists]; a null list has none."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return lengths.to_numpy(zero_copy_only=False).astype(np.int64)


def lists_of(values: pa.Array, lengths: Lengths) -> pa.Array:
    """Lists of these lengths, one after the other."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def one_each(values: pa.Array) -> pa.Array:
    """A list of one for each value."""
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values)


def have(lists: pa.Array, value: int) -> npt.NDArray[np.bool_]:
    """Which of the lists of integers have a value.

    >>> have(pa.array([[1, 2], [], [3]]), 2).tolist()
    [True, False, False]
    """
    found = lists.flatten().to_numpy(zero_copy_only=False) == value
    if not found.any():
        return np.zeros(len(lists), bool)
    owners = np.repeat(np.arange(len(lists)), list_lengths(lists))
    return np.bincount(owners[found], minlength=len(lists)) > 0


def last(lists: pa.Array, length: int) -> pa.Array:
    """The last `length` elements of each list, oldest first; a null list is an empty one.

    >>> last(pa.array([["a", "b", "c"], None, ["d"]]), 2).to_pylist()
    [['b', 'c'], [], ['d']]
    """
    lengths = list_lengths(lists)
    values = lists.flatten()
    if (lengths > length).any():
        place = _places(lengths)
        values = values.filter(pa.array(place >= np.repeat(lengths - length, lengths)))
        lengths = np.minimum(lengths, length)
    return lists_of(values, lengths)


def first(lists: pa.Array, length: int) -> pa.Array:
    """The first `length` elements of each list; a null list is an empty one.

    >>> first(pa.array([["a", "b", "c"], None, ["d"]]), 2).to_pylist()
    [['a', 'b'], [], ['d']]
    """
    lengths = list_lengths(lists)
    values = lists.flatten()
    if (lengths > length).any():
        values = values.filter(pa.array(_places(lengths) < length))
        lengths = np.minimum(lengths, length)
    return lists_of(values, lengths)


def slices(lists: pa.Array, starts: Lengths, lengths: Lengths) -> pa.Array:
    """Of each list so many elements from a place on, all of them in it.

    >>> lists = pa.array([["a", "b", "c"], None, ["d"]])
    >>> slices(lists, np.array([1, 0, 0]), np.array([2, 0, 1])).to_pylist()
    [['b', 'c'], [], ['d']]
    """
    own = list_lengths(lists)
    place, start = _places(own), np.repeat(starts, own)
    kept = (place >= start) & (place < start + np.repeat(lengths, own))
    return lists_of(lists.flatten().filter(pa.array(kept)), lengths)


def last_elements(lists: pa.Array) -> pa.Array:
    """The last element of each list, null where there is none.

    >>> last_elements(pa.array([["a", "b"], None, ["d"]])).to_pylist()
    ['b', None, 'd']
    """
    lengths = list_lengths(lists)
    ends = np.cumsum(lengths) - 1
    return lists.flatten().take(pa.array(ends, mask=lengths == 0))


def _places(lengths: Lengths) -> Lengths:
    """The place of each element in its list, list after list."""
    starts = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) - np.repeat(starts, lengths)
