"""Yes or no, shown: how probable yes is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.charts import Figure
from kinds.heads import calibration
from kinds.heads.binary.looks import could_be as could_be
from kinds.heads.guesses import Guess, Scored
from kinds.heads.labels.show import mistakes_title as mistakes_title
from kinds.heads.labels.show import task as task

if TYPE_CHECKING:
    from kinds.heads.binary.spec import Binary
    from kinds.heads.score import FileHead

_YES_OR_NO = ("no", "yes")


def guesses(head: "FileHead", targets: pa.Array, outputs: Sequence[pa.Array]) -> Iterator[Guess]:
    """As sure as the probability of the answer that is more probable."""
    was, scores = (array.to_numpy(zero_copy_only=False) for array in (targets, outputs[0]))
    for row in np.flatnonzero(~np.isnan(was)):
        score, is_yes = float(scores[row]), bool(was[row] > 0.5)
        said_yes = score > 0.5
        sure = max(score, 1 - score)
        answers = ((_YES_OR_NO[said_yes], sure),)
        yield Guess(int(row), (_YES_OR_NO[is_yes],), answers, said_yes == is_yes, sure)


def figures(scored: Scored) -> Iterator[Figure]:
    said, was = calibration.with_targets(scored.outputs[0], scored.targets)
    return calibration.probability_chart(scored.head.name, said, was)


def answer(head: "FileHead", outputs: Sequence[float]) -> Iterator[str]:
    yield f"{head.name}  {100 * outputs[0]:.1f} %"


def script() -> Path:
    return Path(__file__).with_name("page.js")


def made_up(
    head: "Binary", texts: Sequence[str], signal: np.ndarray, random: np.random.Generator
) -> pa.Array:
    return pa.array(signal + 0.3 * random.standard_normal(len(signal)) > 0)
