"""Where the words of many texts stand, and the texts without some of them.

    spans(Words(length=3), pa.array(["a quick  brown", ""]))   starts 0, 2, 9   ends 1, 7, 14

Numpy and pyarrow only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.lists import Lengths, list_lengths
from kinds.word_lists import Bytes, at, between_spaces, opened, strings
from kinds.words import Words

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Spans:
    """All words, text after text: where each begins and ends in the bytes of all texts, and whose
    it is. `gap` is how many bytes separate two of them; 0 where any number of spaces does."""

    bounds: Lengths
    content: Bytes
    starts: Lengths
    ends: Lengths
    owners: Lengths
    gap: int

    @property
    def rows(self) -> int:
        return len(self.bounds) - 1

    def texts(self) -> pa.Array:
        """The words."""
        return strings(
            self.content[_covered(self.starts, self.ends, len(self.content))], self._lengths
        )

    def places(self) -> tuple[Lengths, Lengths]:
        """Of each word how many stand before it in its text, and how many with it and behind it."""
        counts = np.bincount(self.owners, minlength=self.rows)
        place = np.arange(len(self.owners)) - (np.cumsum(counts) - counts)[self.owners]
        return place, counts[self.owners] - place

    def without(self, goes: Array, texts: Array) -> Array:
        """The texts without the words that go, bool [words]. `texts` may be written otherwise than
        those of the spans, but letter by letter."""
        bounds, content = opened(pa.array(texts, pa.string()))
        limits = self.bounds[self.owners + 1]
        # With each word goes what separates it from the next one; behind the last word that stays
        # there is no other.
        stays = np.flatnonzero(~goes)
        is_last = np.append(self.owners[stays][1:] != self.owners[stays][:-1], True)[: len(stays)]
        last = stays[is_last]
        starts = np.concatenate([self.starts[goes], self.ends[last]])
        ends = np.concatenate([self.ends[goes], self.ends[last]]) + self.gap
        ends = np.minimum(ends, np.concatenate([limits[goes], limits[last]]))
        lost = _covered(starts, ends, len(content))
        kept = np.concatenate([[0], np.cumsum(~lost)])
        return np.asarray(
            strings(content[~lost], np.diff(kept[bounds])).to_numpy(zero_copy_only=False)
        )

    @property
    def _lengths(self) -> Lengths:
        return self.ends - self.starts


def spans(words: Words, texts: pa.Array) -> Spans:
    """Of all words, also of those that do not count."""
    bounds, content = opened(texts)
    if words.separator is None:
        starts, ends = between_spaces(bounds, content)
        owners = np.searchsorted(bounds, starts, side="right") - 1
        return Spans(bounds, content, starts, ends, owners, 0)
    lists, gap = at(texts, words.separator), len(words.separator.encode())
    counts = list_lengths(lists)
    lengths = pc.binary_length(lists.flatten()).to_numpy(zero_copy_only=False).astype(np.int64)
    owners = np.repeat(np.arange(len(counts)), counts)
    # A text of n words has n - 1 separators.
    before = np.cumsum(lengths + gap) - (lengths + gap)
    first = (np.cumsum(counts) - counts)[owners]
    starts = bounds[owners] + before - before[first]
    return Spans(bounds, content, starts, starts + lengths, owners, gap)


def _covered(starts: Lengths, ends: Lengths, size: int) -> Array:
    """bool [size]: what lies in a span."""
    steps = np.bincount(starts, minlength=size + 1) - np.bincount(ends, minlength=size + 1)
    return np.asarray(np.cumsum(steps)[:size] > 0)
