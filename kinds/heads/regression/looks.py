"""What speaks for a column being a number to predict."""

from dataclasses import replace

from kinds.looks import measures
from kinds.looks.column import Column
from kinds.looks.look import Look


def could_be(column: Column) -> Look | None:
    look = measures.measure(column)
    if look is None or look.settings.get("scale") != "log":
        return look
    return replace(look, settings={**look.settings, "answer": "mean"})
