"""What speaks for a column being a count to predict: whole numbers from 0 up, under a name of
counts or with 0 as the most frequent of them."""

from kinds.looks import names
from kinds.looks.column import Column
from kinds.looks.look import Look

_HIGHEST_MEAN = 50
_MOST_CLASSES = 10


def could_be(column: Column) -> Look | None:
    numbers = column.plain_numbers
    if numbers is None or not column.is_whole or numbers.min() < 0 or column.distinct <= 2:
        return None
    rows = column.row_numbers
    few = rows is not None and rows[rows >= 0].mean() <= _HIGHEST_MEAN
    if not few:
        return None
    if names.says_count(column.column):
        return Look(0.83, "whole numbers from 0 up, counts by the column's name")
    if _has_most_zeros(column) and not names.says_amount(column.column):
        against = "a regression, if they do not count anything"
        return Look(0.81, "whole numbers from 0 up, of which 0 is the most frequent", against)
    return None


def _has_most_zeros(column: Column) -> bool:
    """Whether 0 is the most frequent of more numbers than classes have."""
    assert column.numbers is not None
    counts = column.counted.counts
    return column.distinct > _MOST_CLASSES and column.numbers[int(counts.argmax())] == 0
