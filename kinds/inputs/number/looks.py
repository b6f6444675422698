"""What speaks for a column being a number."""

from dataclasses import replace

from kinds.looks import measures
from kinds.looks.column import Column
from kinds.looks.look import Look

# Ramps beside a number cost little, and two numbers need none. Among few there may be codes: of 0,
# 1 and 666 the mean and the deviation say nothing of 0 and 1.
PIECES, SOME_NUMBERS = 32, 3
# Of few numbers in many rows averages are worth having, of pairs above all: no curve of a day and
# of a month says what happened on one day of one month. In fewer rows they must be very few: codes
# such as the kind of a loan.
FEWEST, MOST, ROWS_OF_MANY = 3, 100, 2_000
ROWS_OF_VERY_FEW, ROWS_OF_EACH = 1_000, 100


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
    few = FEWEST <= different <= _most(column.counted.total)
    return plain and few and column.is_whole and column.counted.lost == 0


def _most(rows: int) -> int:
    """
    >>> [_most(rows) for rows in (900, 1_450, 5_000)]
    [0, 14, 100]
    """
    if rows >= ROWS_OF_MANY:
        return MOST
    return rows // ROWS_OF_EACH if rows >= ROWS_OF_VERY_FEW else 0
