"""What speaks for a column being a yes or no."""

from kinds.looks.column import Column
from kinds.looks.look import Look
from kinds.looks.measures import said_missing


def could_be(column: Column) -> Look | None:
    if not column.is_flag:
        return None
    words = column.flag_words
    said = f"two values that say yes and no{said_missing(column, words)}"
    return Look(0.95, said, missing_words=words)
