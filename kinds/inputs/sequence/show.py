"""A sequence, shown."""

from collections.abc import Sequence as Values
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kinds.inputs.ids.show import missing as missing
from kinds.inputs.ids.show import popular, worths
from kinds.inputs.sequence.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.inputs.sequence.spec import Sequence


def lines(part: "Sequence") -> list[str]:
    units = f" {part.units}" if part.units else ""
    weighted = "weighted " if part.is_weighted else ""
    return [f"last {part.length} of {part.vocabulary}", f"{weighted}{part.combine}{units}"]


def made_up(
    part: "Sequence", texts: Values[str], count: int, missing: float, random: np.random.Generator
) -> tuple[Any, np.ndarray]:
    """Lists, some of them empty; their last element counts, which every combination can see. Of
    weights the last is the greatest."""
    lengths = random.integers(0, part.length + 3, size=count)
    ids = popular(len(texts), int(lengths.sum()), random)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(np.array(texts)[ids]))
    last = np.append(ids, 0)[np.maximum(ends[1:] - 1, 0)]
    worth = np.where(lengths > 0, worths(texts)[last], 0.0)
    if not part.is_weighted:
        return lists, worth
    weights = random.uniform(0.0, 0.5, len(ids))
    weights[ends[1:][lengths > 0] - 1] = 2.0
    if part.weight_separator is None:
        return (lists, pa.ListArray.from_arrays(lists.offsets, pa.array(weights))), worth
    pairs = zip(lists.flatten().to_pylist(), weights, strict=True)
    cells = pa.array([f"{v}{part.weight_separator}{w:.6f}" for v, w in pairs], pa.string())
    return pa.ListArray.from_arrays(lists.offsets, cells), worth
