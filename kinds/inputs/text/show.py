"""A text, shown."""

from collections.abc import Sequence as Values
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.passages import prepared
from kinds.inputs.ids.show import missing as missing
from kinds.inputs.ids.show import popular, worths
from kinds.looks import LONGEST, Column, Look
from kinds.word_lists import word_lists
from kinds.words import PUNCTUATION, WHITE, Words

if TYPE_CHECKING:
    from kinds.inputs.text.spec import Text

_RUNS = {1: "words", 2: "pairs of words", 3: "threes of words"}
# What people write and programs seldom do: a word with a capital, or with a mark at its end.
_WRITTEN = r"(^| )(\p{Lu}\p{Ll}|\p{L}+[.,;:!?)]( |$))"
_WRITTEN_SHARE, _FEWEST_WORDS = 0.5, 3
# A text that comes more often is one of a few: a category.
_MOST_TIMES = 20
# Surer than of a list of words, and of a text that tells rows apart; less than of an id by name.
_SURE = 0.75


def lines(part: "Text") -> list[str]:
    units = f" {part.units}" if part.units else ""
    values = _RUNS[part.ngram]
    return [f"{part.keep} {part.length} {values} of {part.vocabulary}", f"{part.combine}{units}"]


def could_be(column: Column) -> Look | None:
    """Sentences and titles: several words each, as people write them."""
    if column.is_list or not 0 < len(column.present) <= _MOST_TIMES * column.distinct:
        return None
    texts = column.present.unique()
    if pc.mean(pc.match_substring_regex(texts, _WRITTEN)).as_py() < _WRITTEN_SHARE:
        return None
    plain = prepared(column.present, WHITE + PUNCTUATION, lower=True)
    split = word_lists(Words(LONGEST), plain)
    lengths = pc.list_value_length(split).to_numpy()
    if lengths.mean() < _FEWEST_WORDS:
        return None
    length = int(np.quantile(lengths, 0.95))
    look = column.look(_SURE, f"sentences or titles; 95 % have at most {length} words")
    look = replace(look, distinct=pc.count_distinct(split.flatten()).as_py())
    return look.written(
        kind="text",
        vocabulary=column.name,
        length=length,
        combine="mean",
        lower="true",
        punctuation="drop",
    )


def made_up(
    part: "Text", texts: Values[str], count: int, missing: float, random: np.random.Generator
) -> tuple[pa.Array, np.ndarray]:
    """Texts, some of them empty. The last word counts, and stands there often enough for a run."""
    lengths = random.integers(0, part.length + 1, size=count)
    ids = popular(len(texts), int(lengths.sum()), random)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    last = np.append(ids, 0)[np.maximum(ends[1:] - 1, 0)]
    known, joiner = np.array(texts, object), part.words().joiner
    cells = [
        joiner.join([*known[ids[start:end]], *[known[word]] * (part.ngram - 1)]) if length else ""
        for start, end, word, length in zip(ends[:-1], ends[1:], last, lengths, strict=True)
    ]
    return pa.array(cells, pa.string()), np.where(lengths > 0, worths(texts)[last], 0.0)
