"""Sets of labels with a stated coverage: as many of the best as a row needs.

A label is as strange as all labels before it are probable together (adaptive prediction sets:
Romano, Sesia and Candès 2020, Classification with Valid and Adaptive Coverage, arXiv:2006.02544,
section 2, with the draw u = 0, so that no set is empty and the same row has the same set), and
stranger by a penalty for each rank beyond FREE (regularised: Angelopoulos et al. 2021, Uncertainty
Sets for Image Classifiers using Conformal Prediction, ICLR, arXiv:2009.14193, section 2.2). A set
holds at least the best label: where that is right more often than asked, so are the sets.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.heads.any.coverage import add_reached as add_reached
from kinds.heads.any.coverage import decided as decided
from kinds.heads.any.coverage import decision as decision
from kinds.heads.any.coverage import reached as reached
from kinds.heads.any.coverage import threshold as threshold
from kinds.heads.any.metrics import Array, Rows

if TYPE_CHECKING:
    from kinds.heads.coverage import Limit, Shape
    from kinds.heads.score import FileHead

# Ranks without a penalty, as that paper has them for ImageNet.
FREE = 5


def strangeness(rows: Rows, shape: "Shape") -> Array:
    """Infinite for a label that the vocabulary does not hold: it is in no set."""
    return _scores(rows["above"], rows["rank"], shape.penalty)


def penalties() -> Sequence[float]:
    return 0.0, 1e-4, 1e-3, 1e-2, 1e-1


def columns(head: "FileHead") -> dict[str, pa.DataType]:
    return {f"{head.name}.set": pa.list_(pa.string())}


def answers(
    head: "FileHead", found: Mapping[str, Array], limit: "Limit", shape: "Shape"
) -> dict[str, Array]:
    return {f"{head.name}.set": sizes(found[head.outputs[1]], limit, shape)}


def sizes(found: Array, limit: "Limit", shape: "Shape") -> Array:
    """int64 [rows]: how many of the best labels are in each set, from probabilities [rows, k] that
    fall.

    >>> from kinds.heads.coverage import Shape
    >>> sizes(np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25]]), 0.72, Shape()).tolist()
    [2, 2]
    """
    falling = found.astype(np.float64)
    above = np.cumsum(falling, axis=1) - falling
    rank = np.arange(1, falling.shape[1] + 1)
    most = np.reshape(limit, (-1, 1))
    return np.maximum((_scores(above, rank, shape.penalty) <= most).sum(axis=1), 1)


def script() -> Path:
    return Path(__file__).with_name("answers.js")


def _scores(above: Array, rank: Array, penalty: float) -> Array:
    more = np.maximum(rank - FREE, 0)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(rank), np.inf, above + penalty * np.where(np.isinf(more), 0, more))
