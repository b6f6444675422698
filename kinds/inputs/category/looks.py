"""What speaks for a column being a category: its values come again and stand for themselves."""

from kinds.looks import ids
from kinds.looks.column import Column
from kinds.looks.look import Look
from kinds.looks.measures import said_missing


def could_be(column: Column) -> Look | None:
    if column.is_list or column.said == "text" or (column.is_time and column.said != "id"):
        return None
    sure, reason, against = _found(column)
    words = column.flag_words
    said = reason + said_missing(column, words)
    return Look(sure, said, against, {"vocabulary": column.name}, missing_words=words)


def _found(column: Column) -> tuple[float, str, str]:
    if column.each:
        return 2.0, "the same numbers, each for itself: memories count by them", ""
    if column.said == "id":
        return 2.0, "ids, as was said", ""
    if column.is_flag:
        return 0.95, "two values that say yes and no", ""
    if column.distinct == 1:
        return 0.9, "one value or none", ""
    if (verdict := ids.verdict(column)) is not None:
        sure = 0.85 if verdict.are_ids else 0.2
        return 0.2 if column.is_unique else sure, f"ids: {verdict.of_ids}", verdict.of_numbers
    if (form := column.form) is not None:
        return 0.1, f"numbers, {form.said}" if form.said else "numbers", ""
    # Whoever wants to learn from their size has to write them otherwise.
    against = f"nearly numbers, {column.nearly_numbers}" if column.nearly_numbers else ""
    if column.is_nearly_unique:
        return 0.1, ", ".join(filter(None, ["text, nearly every row has its own", against])), ""
    return 0.5, "text", against and f"{against}: written as plain numbers they have a size"
