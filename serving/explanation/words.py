"""Words of a text, each taken out of it as a part of the row.

A word is what the first input over the column splits off, of those words that an input reads. It is
taken out wherever it stands in the text, letter by letter, as a person would delete it: whatever
else reads the column lacks it, too, and words behind it move up.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.word_spans import Spans, spans
from kinds.words import Words

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Text:
    """A column of texts: `columns` are all that the file takes of it, which differ in no letter's
    place, the first one split as the first of the inputs that `read` it."""

    name: str
    columns: tuple[str, ...]
    read: tuple[Words, ...]

    @property
    def most(self) -> int:
        """How many different words may count."""
        ends = {keep: [w.words for w in self.read if w.keep == keep] for keep in ("first", "last")}
        return sum(max(of, default=0) for of in ends.values())

    def words_in(self, rows: Arrays) -> list["WordPart"]:
        """The first different word of each row, the second, and so on."""
        found = spans(self.read[0], pa.array(rows[self.columns[0]], pa.string()))
        places = _places(found, self._counting(found))
        return [WordPart(self, found, places == place) for place in range(self.most)]

    def _counting(self, found: Spans) -> Array:
        """bool [words]: those that an input reads."""
        before, behind = found.places()
        read = [(before if w.keep == "first" else behind - 1) < w.words for w in self.read]
        return np.asarray(np.logical_or.reduce(read)) & (found.ends > found.starts)


@dataclass(frozen=True)
class WordPart:
    """A word of each row: bool [words], which of a text's words are it."""

    text: Text
    spans: Spans
    chosen: Array

    is_input: ClassVar = False

    @cached_property
    def names(self) -> Array:
        """[rows] what it is called, such as title.crash; "" where there is none."""
        found = np.full(self.spans.rows, "", object)
        at = np.flatnonzero(self.chosen)
        words = self.spans.texts().take(pa.array(at))
        named = pc.binary_join_element_wise(self.text.name, words, ".")
        found[self.spans.owners[at]] = named.to_numpy(zero_copy_only=False)
        return found

    def is_in(self, rows: Arrays) -> Array:
        """bool [rows]: where there is one."""
        return np.asarray(self.names != "")

    def taken_out(self, rows: Arrays) -> Arrays:
        """The rows without it."""
        texts = self.text.columns
        return rows | {name: self.spans.without(self.chosen, rows[name]) for name in texts}


def _places(found: Spans, counting: Array) -> Array:
    """Of each word how many others of its text come before it; -1 where it does not count."""
    if not counting.any():
        return np.full(len(counting), -1)
    codes = found.texts().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    keys = found.owners * (int(codes.max()) + 1) + codes
    different, firsts = np.unique(keys[counting], return_index=True)
    order = np.argsort(firsts)
    owners = found.owners[counting][firsts[order]]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.searchsorted(owners, owners)
    at = np.minimum(np.searchsorted(different, keys), len(different) - 1)
    return np.where(different[at] == keys, place[at], -1)
