"""Which column is to be predicted: by its name, its place and its values, or somebody is asked."""

from collections.abc import Callable, Mapping, Sequence

from kinds.looks import ids, names
from kinds.looks.column import Column

_SURELY = ("label", "target", "y", "outcome", "response", "answer", "next")
_MAYBE = frozenset(
    names.words(
        """labels class classes rating ratings score price category kind type species status result
        survived churn churned default fraud click clicked converted conversion purchased bought
        diagnosis quality income salary sold destination tag tags winner won sentiment stars
        approved cancelled attrition exited deposit disease cost consumption demand charges"""
    )
)
_CLASSES = 20


def chosen(
    columns: Sequence[Column], keys: Sequence[Column], ask: Callable[[Sequence[str]], str]
) -> Mapping[Column, str]:
    """The column that is to be predicted, and why. Where that is not clear, `ask` says its name."""
    marks = {column: _mark(column, columns, keys) for column in columns}
    order = sorted(columns, key=lambda column: -marks[column])
    best = order[0]
    if marks[best] >= _mark_of_names(0):
        return {best: "a guess, by its name"}
    if len(order) == 1 or _is_clear(best, order[1:], marks):
        why = "by its name" if _says_maybe(best) else "by its place and its values"
        return {best: f"a guess, {why}"}
    said = ask([column.column for column in order if marks[column] > -3] or [best.column])
    return {column: "as was said" for column in columns if column.column == said}


def _mark_of_names(place: int) -> float:
    return 20.0 - place


def _mark(column: Column, columns: Sequence[Column], keys: Sequence[Column]) -> float:
    """How much speaks for a column being the target."""
    words = names.words(column.column)
    for place, name in enumerate(_SURELY):
        # Beside an x and a z a y is no target.
        is_one = name != "y" or column in (columns[0], columns[-1])
        if name in words and is_one and not (column.is_nearly_unique and column.numbers is None):
            return _mark_of_names(0) + (len(_SURELY) - place) / 10
    mark = 0.0
    if _says_maybe(column):
        mark += 2
    if column is columns[-1]:
        mark += 2
    if column is columns[0] and _is_class(column):
        mark += 1
    verdict = ids.verdict(column)
    if column in keys or column.is_time or (column.is_nearly_unique and column.numbers is None):
        mark -= 4
    elif _is_class(column):
        mark += 1
    elif verdict is not None and verdict.are_ids:
        mark -= 1
    elif column.numbers is not None:
        mark += 0.5
    return mark


def _says_maybe(column: Column) -> bool:
    return names.says(column.column, _MAYBE)


def _is_class(column: Column) -> bool:
    few = 2 <= column.distinct <= _CLASSES and not column.is_list
    return column.is_flag or (few and (column.numbers is None or column.is_whole))


def _is_clear(best: Column, others: Sequence[Column], marks: Mapping[Column, float]) -> bool:
    ahead = marks[best] - marks[others[0]]
    if marks[best] < 2 or ahead < 1:
        return False
    if _says_maybe(best):
        return ahead >= 2 or not any(_says_maybe(one) and marks[one] > 1 for one in others)
    return not any(_is_class(one) and marks[one] > 0 for one in others)
