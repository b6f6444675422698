"""The words of many texts, a batch at a time: what the exported file makes of each.

    word_lists(Words(length=3), pa.array(["a quick  brown fox", ""]))
    [["a", "quick", "brown"], []]

Numpy and pyarrow only.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import large_rows
from kinds.lists import Lengths, first, last, list_lengths, lists_of
from kinds.words import Words

Bytes = npt.NDArray[np.uint8]

_SPACE = ord(" ")


def word_lists(words: Words, texts: pa.Array) -> pa.Array:
    """The values of each text, in their order; of a missing text none."""
    split = at_spaces(texts) if words.separator is None else at(texts, words.separator)
    kept = last(split, words.words) if words.keep == "last" else first(split, words.words)
    return runs(kept, words.ngram, words.joiner)


def at_spaces(texts: pa.Array) -> pa.Array:
    """The words between spaces.

    >>> at_spaces(pa.array([" a  b", None, "", "c"])).to_pylist()
    [['a', 'b'], [], [], ['c']]
    """
    bounds, content = opened(pc.fill_null(texts, ""))
    starts, ends = between_spaces(bounds, content)
    words = strings(content[content != _SPACE], ends - starts)
    return lists_of(words, np.diff(np.searchsorted(starts, bounds)))


def between_spaces(bounds: Lengths, content: Bytes) -> tuple[Lengths, Lengths]:
    """Where each word begins in the bytes of all texts, and where it ends."""
    is_letter = content != _SPACE
    begins, ends = is_letter.copy(), is_letter.copy()
    begins[1:] &= ~is_letter[:-1]
    ends[:-1] &= ~is_letter[1:]
    # Where a text begins, so does a word, whatever the text before ends with.
    edges = bounds[:-1][bounds[:-1] < bounds[1:]]
    begins[edges] = is_letter[edges]
    edges = edges[edges > 0] - 1
    ends[edges] = is_letter[edges]
    return np.flatnonzero(begins), np.flatnonzero(ends) + 1


def at(texts: pa.Array, separator: str) -> pa.Array:
    """What stands between separators, of an empty text nothing.

    >>> at(pa.array(["a||b", "|", "", None]), "|").to_pylist()
    [['a', '', 'b'], ['', ''], [], []]
    """
    texts = pc.fill_null(texts, "")
    memory = large_rows.pool(texts.nbytes, len(texts))
    split = pc.split_pattern(texts, separator, memory_pool=memory)
    lengths = list_lengths(split)
    is_empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)
    if not is_empty.any():
        return split
    values = split.flatten().filter(pa.array(~np.repeat(is_empty, lengths)))
    return lists_of(values, np.where(is_empty, 0, lengths))


def runs(lists: pa.Array, count: int, joiner: str) -> pa.Array:
    """All runs of so many elements that stand side by side in a list.

    >>> runs(pa.array([["a", "b", "c"], ["d"]]), 2, " ").to_pylist()
    [['a b', 'b c'], []]
    """
    if count == 1:
        return lists
    values, lengths = lists.flatten(), list_lengths(lists)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(values))
    begins = np.flatnonzero(left >= count)
    parts = [values.take(pa.array(begins + at)) for at in range(count)]
    return lists_of(pc.binary_join_element_wise(*parts, joiner), np.maximum(lengths - count + 1, 0))


def opened(texts: pa.Array) -> tuple[Lengths, Bytes]:
    """Where each text begins and the last one ends in the bytes of all, and these bytes."""
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets or bytes(4), np.int32)[texts.offset :][: len(texts) + 1]
    letters = np.frombuffer(content or b"", np.uint8)[bounds[0] : bounds[-1]]
    return bounds.astype(np.int64) - bounds[0], letters


def strings(content: Bytes, lengths: Lengths) -> pa.Array:
    """Texts of these lengths, one after the other in the bytes."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(content))]
    return pa.Array.from_buffers(pa.string(), len(lengths), buffers)
