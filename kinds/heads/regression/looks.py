"""What speaks for a column being a number to predict."""

from kinds.looks import measures
from kinds.looks.column import Column
from kinds.looks.look import Look


def could_be(column: Column) -> Look | None:
    return measures.measure(column)
