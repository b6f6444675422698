"""What speaks for a column being a count to predict: whole numbers under a name of counts."""

from kinds.looks import names
from kinds.looks.column import Column
from kinds.looks.look import Look

_HIGHEST_MEAN = 50


def could_be(column: Column) -> Look | None:
    numbers = column.plain_numbers
    if numbers is None or not column.is_whole or numbers.min() < 0 or column.distinct <= 2:
        return None
    rows = column.row_numbers
    few = rows is not None and rows[rows >= 0].mean() <= _HIGHEST_MEAN
    if not (names.says_count(column.column) and few):
        return None
    return Look(0.83, "whole numbers from 0 up, counts by the column's name")
