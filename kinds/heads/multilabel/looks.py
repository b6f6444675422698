"""What speaks for a column being a set of labels."""

from kinds.looks import separators, sequels
from kinds.looks.column import Column
from kinds.looks.look import Look

_ORDERED = (
    "If their order means something, a classification with `next_of` predicts what comes next "
    "(docs/sequences.md)"
)


def could_be(column: Column) -> Look | None:
    settings = {"vocabulary": column.name}
    if column.is_list:
        return _look(column, 1.0, "lists", settings)
    listed = column.listed
    if listed is None or listed.separator not in separators.SURE:
        return None
    said = f"{listed.distinct:,} labels with {listed.separator!r} between them"
    return _look(column, 0.7, said, settings | {"separator": listed.separator})


def _look(column: Column, sure: float, said: str, settings: dict[str, str]) -> Look:
    order = sequels.order_of(column)
    against = "" if order is None else order.of_order
    otherwise = _ORDERED if against else ""
    return Look(sure, said, against, settings, of_elements=True, otherwise=otherwise)
