"""A text, shown."""

from collections.abc import Sequence as Values
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.inputs.ids.show import missing as missing
from kinds.inputs.ids.show import popular, worths
from kinds.inputs.text.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.inputs.text.spec import Text

_RUNS = {1: "words", 2: "pairs of words", 3: "threes of words"}


def lines(part: "Text") -> list[str]:
    units = f" {part.units}" if part.units else ""
    values = _RUNS[part.ngram]
    return [f"{part.keep} {part.length} {values} of {part.vocabulary}", f"{part.combine}{units}"]


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
