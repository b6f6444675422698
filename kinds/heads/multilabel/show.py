"""A set of labels, shown: the first answer is right where it is one of them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.charts import Figure
from kinds.heads.guesses import Guess, Scored
from kinds.heads.labels.show import answer as answer
from kinds.heads.labels.show import calibrated, slices
from kinds.heads.labels.show import mistakes_title as mistakes_title
from kinds.heads.labels.show import script as script
from kinds.heads.labels.show import task as task
from kinds.heads.multilabel.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.heads.multilabel.spec import Multilabel
    from kinds.heads.score import FileHead


def guesses(head: "FileHead", targets: pa.Array, outputs: Sequence[pa.Array]) -> Iterator[Guess]:
    labels, scores = (output.to_pylist() for output in outputs)
    for row, target in enumerate(targets.to_pylist()):
        if target is not None:
            answers = tuple(zip(labels[row], scores[row], strict=True))
            yield Guess(row, tuple(target), answers, answers[0][0] in target, scores[row][0])


def figures(scored: Scored) -> Iterator[Figure]:
    return calibrated(scored.head.name, scored.guesses)


def made_up(
    head: "Multilabel", texts: Sequence[str], signal: np.ndarray, random: np.random.Generator
) -> pa.Array:
    """The label of a slice of the signal; the first one, too, where the signal is positive."""
    sets = [
        {texts[place], texts[0]} if value > 0 else {texts[place]}
        for place, value in zip(slices(signal, len(texts)), signal, strict=True)
    ]
    return pa.array([sorted(labels) for labels in sets])
