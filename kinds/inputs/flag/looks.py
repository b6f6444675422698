"""What speaks for a column being a flag."""

from kinds.looks.column import Column
from kinds.looks.look import Look
from kinds.looks.measures import said_missing

# Less than a category: two embeddings hold a column of flags as well, and a third value later on.
_SURE = 0.9


def could_be(column: Column) -> Look | None:
    if not column.is_flag or column.said:
        return None
    words = column.flag_words
    said = f"two values that say yes and no{said_missing(column, words)}"
    return Look(_SURE, said, missing_words=words)
