"""What speaks for a column being a set of labels."""

from kinds.looks import separators
from kinds.looks.column import Column
from kinds.looks.look import Look


def could_be(column: Column) -> Look | None:
    if column.is_list:
        return Look(1.0, "lists", "", {"vocabulary": column.name}, of_elements=True)
    listed = column.listed
    if listed is None or listed.separator not in separators.SURE:
        return None
    said = f"{listed.distinct:,} labels with {listed.separator!r} between them"
    settings = {"vocabulary": column.name, "separator": listed.separator}
    return Look(0.7, said, "", settings, of_elements=True)
