"""What speaks for a column being a number."""

from dataclasses import replace

from kinds.looks import measures
from kinds.looks.column import Column
from kinds.looks.look import Look

# Ramps beside a number cost little; fewer different numbers than this need none.
PIECES, SOME_NUMBERS = 32, 10
# Of few numbers in many rows averages are worth having, of pairs above all: no curve of a day and
# of a month says what happened on one day of one month.
FEWEST, MOST, ROWS_OF_FEW = 3, 100, 2_000


def could_be(column: Column) -> Look | None:
    # Two flags are no measure, but nothing is lost where they are taken for one.
    look = measures.measure(column)
    if look is None:
        return None
    pieces = {"pieces": PIECES} if column.distinct >= SOME_NUMBERS else {}
    settings = {**look.settings, **pieces}
    return replace(look, sure=min(look.sure, 0.85), settings=settings, each=_are_few(column))


def _are_few(column: Column) -> bool:
    plain = column.form is not None and not column.form.settings
    different = 0 if column.plain_numbers is None else len(column.plain_numbers)
    few = FEWEST <= different <= MOST and column.counted.total >= ROWS_OF_FEW
    return plain and few and column.is_whole and column.counted.lost == 0
