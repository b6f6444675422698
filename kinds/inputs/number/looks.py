"""What speaks for a column being a number."""

from dataclasses import replace

from kinds.looks import measures
from kinds.looks.column import Column
from kinds.looks.look import Look

# Ramps beside a number cost little; fewer different numbers than this need none.
PIECES, SOME_NUMBERS = 32, 10


def could_be(column: Column) -> Look | None:
    # Two flags are no measure, but nothing is lost where they are taken for one.
    look = measures.measure(column)
    if look is None:
        return None
    pieces = {"pieces": PIECES} if column.distinct >= SOME_NUMBERS else {}
    return replace(look, sure=min(look.sure, 0.85), settings={**look.settings, **pieces})
