"""Features of lists as a row for each place: what memories count where a head predicts the next
element of a list. NumPy and pyarrow only."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.heads.labels.numbering import filtered
from kinds.inputs.several.spec import PLACES
from kinds.lists import list_lengths, lists_of, one_each
from pipeline import spec as specs

Integers = npt.NDArray[np.int64]


class Placed(NamedTuple):
    """A row for each element that is to be predicted, and the row of whose list it is."""

    features: pa.RecordBatch
    rows: Integers


def by_place(features: pa.RecordBatch, spec: specs.Spec, reach: int = PLACES) -> Placed:
    """Each element with those before it in its list: as many as a memory looks back at, within
    `reach` or one by one."""
    followed, along = spec.followed(), spec.along()
    left_out = {filtered(name) for name in spec.left_out()}
    counts = list_lengths(features.column(next(iter(followed))))
    rows = np.repeat(np.arange(features.num_rows), counts)
    ends = 1 + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    some = np.minimum(ends, max(PLACES, reach))
    made = {}
    for name, column in zip(features.schema.names, features.columns, strict=True):
        if name in along:
            first = (np.cumsum(counts) - counts)[rows] + ends - some
            made[name] = _lists(column.flatten(), first, some)
        elif name in followed:
            made[name] = one_each(column.flatten())
        elif name not in left_out:
            made[name] = column.take(pa.array(rows))
    return Placed(pa.RecordBatch.from_pydict(made), rows)


def _lists(values: pa.Array, first: Integers, lengths: Integers) -> pa.Array:
    """Lists of so many values from a place on."""
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return lists_of(values.take(pa.array(np.repeat(first, lengths) + within)), lengths)
