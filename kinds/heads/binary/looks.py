"""What speaks for a column being a yes or no."""

from kinds.looks.column import Column
from kinds.looks.look import Look


def could_be(column: Column) -> Look | None:
    return Look(0.95, "two values that say yes and no") if column.is_flag else None
