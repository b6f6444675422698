"""What speaks for a column being a vector: lists of as many numbers each, most with a fraction."""

import numpy as np
import pyarrow.compute as pc

from kinds.looks.column import Column
from kinds.looks.look import Look
from kinds.looks.number_forms import numbers_in

_LOOKED_AT = 10_000


def could_be(column: Column) -> Look | None:
    if not column.is_list or column.said:
        return None
    lengths = pc.list_value_length(column.values).unique().drop_null().to_pylist()
    numbers = numbers_in(column.present.slice(0, _LOOKED_AT))
    if len(lengths) != 1 or lengths[0] < 2 or numbers is None or not len(numbers.values):
        return None
    if (
        numbers.words
        or numbers.settings
        or (numbers.values == np.rint(numbers.values)).mean() > 0.5
    ):
        return None
    width = int(lengths[0])
    return Look(1.0, f"lists of {width:,} numbers each", settings={"width": width})
