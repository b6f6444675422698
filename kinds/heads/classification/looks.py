"""What speaks for a column being one of several labels: texts, ids, classes that are numbers,
or what comes next in a list."""

import numpy as np

from kinds.looks import ids, names, sequels
from kinds.looks.column import Column
from kinds.looks.look import Look

# So many numbers are classes by a name such as "target", and more where each occurs often.
_CLASSES, _MOST_CLASSES, _OFTEN = 30, 300, 20
_FEW = 10
# Of so many labels what counts is which ones come first.
_RANKED = 1_000


def could_be(column: Column) -> Look | None:
    if column.followed:
        return _of_next(column)
    if column.is_list:
        return None
    sure, reason, against = _found(column)
    return Look(sure, reason, against, {"vocabulary": column.name})


def _of_next(column: Column) -> Look:
    """Surer than that the lists are sets of labels."""
    order = sequels.order_of(column)
    said = "what comes next in lists whose order means something"
    if order is not None and order.of_order:
        said += f" ({order.of_order})"
    settings = {"vocabulary": column.name, "next_of": column.name}
    if column.elements.distinct >= _RANKED:
        settings["select"] = "ndcg@10"
        said += "; weights are chosen by ranks, which get better after the log loss is lowest"
    against = "" if order is None else order.of_sets
    sets = f"If they are sets of labels, `{column.name}: {{kind: multilabel, vocabulary: "
    sets += (
        f"{column.name}}}` predicts them, with a split such as {{by: row}} and from other inputs"
    )
    return Look(1.5, said, against, settings, of_elements=True, of_next=True, otherwise=sets)


def _found(column: Column) -> tuple[float, str, str]:
    if (verdict := ids.verdict(column)) is not None:
        return _of_whole_numbers(column, verdict)
    if column.form is not None:
        return 0.1, "numbers", ""
    if column.is_nearly_unique:
        return 0.3, "text", "nearly every row has a value of its own"
    return 0.5, "text", ""


def _of_whole_numbers(column: Column, verdict: ids.Verdict) -> tuple[float, str, str]:
    often = column.distinct <= _MOST_CLASSES and column.counted.total >= _OFTEN * column.distinct
    if names.says(column.column, names.CLASSES) and (column.distinct <= _CLASSES or often):
        return 0.9, "whole numbers that are classes, by the column's name", ""
    if column.distinct == 2:
        return 0.9, "two numbers", ""
    if verdict.are_ids:
        return 0.85, f"ids: {verdict.of_ids}", verdict.of_numbers
    numbers = column.plain_numbers
    assert numbers is not None
    in_turn = column.distinct <= _FEW and np.ptp(numbers) + 1 == len(numbers) and numbers.min() <= 1
    if in_turn and not names.says_amount(column.column):
        return 0.82, "a few whole numbers in turn", "a regression, if their order means something"
    return 0.3, "whole numbers", ""
