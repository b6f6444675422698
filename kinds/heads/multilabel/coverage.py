"""Sets that hold all true labels of a row with a stated coverage: those that are probable enough.

A set of true labels is as strange as its least probable label: by minus the logarithm of its
probability, so a limit is a least probability, the same for all rows (least ambiguous sets:
Sadinle, Lei and Wasserman 2019, JASA 114, where here all true labels must be in). A row without a
label is in any set, also in the empty one. Labels beyond the vocabulary do not count.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinds.heads.any.coverage import add_reached as add_reached
from kinds.heads.any.coverage import decided as decided
from kinds.heads.any.coverage import decision as decision
from kinds.heads.any.coverage import reached as reached
from kinds.heads.any.coverage import threshold as threshold
from kinds.heads.any.metrics import Array, Rows
from kinds.heads.classification.coverage import columns as columns

if TYPE_CHECKING:
    from kinds.heads.coverage import Limit, Shape
    from kinds.heads.score import FileHead


def strangeness(rows: Rows, shape: "Shape") -> Array:
    return rows["strangest"]


def penalties() -> Sequence[float]:
    """Ranks have none: each label's probability is its own."""
    return (0.0,)


def answers(
    head: "FileHead", found: Mapping[str, Array], limit: "Limit", shape: "Shape"
) -> dict[str, Array]:
    return {f"{head.name}.set": sizes(found[head.outputs[1]], limit, shape)}


def sizes(found: Array, limit: "Limit", shape: "Shape") -> Array:
    """int64 [rows]: how many of the most probable labels are in each set.

    >>> from kinds.heads.coverage import Shape
    >>> sizes(np.array([[0.9, 0.4, 0.1], [0.2, 0.1, 0.1]]), 1.0, Shape()).tolist()
    [2, 0]
    """
    with np.errstate(divide="ignore"):
        strange = -np.log(found.astype(np.float64))
    return np.asarray((strange <= np.reshape(limit, (-1, 1))).sum(axis=1))


def script() -> Path:
    return Path(__file__).with_name("answers.js")
