"""What speaks for a column being a number."""

from dataclasses import replace

from kinds.looks import Column, Look, measures


def could_be(column: Column) -> Look | None:
    # Two flags are no measure, but nothing is lost where they are taken for one.
    look = measures.measure(column)
    return look and replace(look, sure=min(look.sure, 0.85))
