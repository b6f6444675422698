"""What speaks for a column being a number to predict."""

from kinds.looks import Column, Look, measures


def could_be(column: Column) -> Look | None:
    return measures.measure(column)
