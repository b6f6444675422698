"""What speaks for a column being a flag."""

from kinds.looks.column import Column
from kinds.looks.look import Look

# Less than a category: two embeddings hold a column of flags as well, and a third value later on.
_SURE = 0.9


def could_be(column: Column) -> Look | None:
    if not column.is_flag or column.said:
        return None
    return Look(_SURE, "two values that say yes and no")
