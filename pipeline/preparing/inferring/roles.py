"""Roles of columns: what is predicted, what is learned from, what tells rows apart, what goes."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.heads import show as heads
from kinds.looks import names, sequels
from kinds.looks.column import Column, Said
from kinds.looks.look import Look
from pipeline.failures import Exit, Failure
from pipeline.preparing.inferring import sides, targets
from pipeline.preparing.inferring.inputs import choose_inputs
from pipeline.preparing.inferring.parts import Part, Roles, best_look, free_name
from pipeline.preparing.inferring.sample import Sample
from pipeline.preparing.inferring.wishes import Questions, Wishes

_OWN_INDEX = ("", "Unnamed: 0", "__index_level_0__", "index", "level_0", "rownames", "row_names")


def roles(sample: Sample, named: Mapping[str, str], wishes: Wishes, ask: Questions) -> Roles:
    """`named` has what the spec calls each column. Raises Failure 2 where no spec would fit."""
    wishes.check([*sample.columns])
    found = Roles(sample)
    columns = _fit(sample, named, wishes, found.left_out)
    _hold_out(columns, wishes, found)
    columns = [column for column in columns if not found.held or column is not found.held.column]
    _choose_keys(columns, wishes, found)
    free = [column for column in columns if column not in found.keys]
    _choose_targets(free or columns, columns, wishes, ask, found)
    followed = {part.column.column: part.column for part in found.heads if part.look.of_next}
    predicted = {part.column.column for part in found.heads} - {*followed}
    left = [followed.get(c.column, c) for c in columns if c.column not in predicted]
    choose_inputs(left, wishes, found)
    if not found.inputs:
        rule = "the rows must have a column to predict and another to predict it from"
        said = [f"{name[:256]}: {reason}" for name, reason in found.left_out.items()]
        others = {column.column for column in found.keys} - predicted
        said += [f"keys, {found.keys_why}"[:1_000]] * bool(others)
        said += [f"{part.column.column[:256]}: predicted" for part in found.heads]
        raise Failure(Exit.USAGE, rule, received=said)
    return found


def _fit(
    sample: Sample, named: Mapping[str, str], wishes: Wishes, left_out: dict[str, str]
) -> list[Column]:
    """The columns that a spec can read and that say anything."""
    columns = []
    for name, seen in sample.columns.items():
        said: Said = "text" if name in wishes.texts else "id" if name in wishes.ids else ""
        column = Column(named[name], name, seen.values, seen.counted, said=said)
        if reason := seen.problem or _unfit(column):
            left_out[name] = reason
        else:
            columns.append(column)
    return [_with_no_values(column, columns) for column in columns]


def _with_no_values(column: Column, columns: Sequence[Column]) -> Column:
    """A column of numbers but for few cells, unless what these hold is a value of other columns: a
    word for a missing value is one in all columns."""
    if not (odd := column.odd_texts):
        return column
    others = (one.counted.values for one in columns if one is not column)
    if any(pc.any(pc.is_in(pa.array(odd), values)).as_py() for values in others):
        return column
    return replace(column, no_values=odd)


def _unfit(column: Column) -> str:
    if pa.types.is_null(column.values.type):
        return "no value at all"
    if column.column in _OWN_INDEX and _is_numbering(column):
        return "the number of the row in a table in memory"
    if not column.column:
        return "a column without a name"
    if len(column.column) > 256:
        return "a name of more than 256 characters"
    if not column.counted.total:
        return "no value at all"
    if column.distinct == 1 and not column.is_list and column.missing == 0:
        return "one value only"
    return ""


def _is_numbering(column: Column) -> bool:
    numbers = column.plain_numbers
    if numbers is None or not column.is_whole:
        return False
    every = column.counted.rows
    return bool(numbers.min() in (0, 1) and numbers.max() <= every and column.distinct > every // 2)


def _hold_out(columns: Sequence[Column], wishes: Wishes, found: Roles) -> None:
    if wishes.split:
        column = next((c for c in columns if c.column == wishes.split), None)
        if column is None:
            rule = "--split must name a column whose values say which rows are held out"
            received = f"{wishes.split}: {found.left_out.get(wishes.split)}"
            raise Failure(Exit.USAGE, rule, received=received)
        found.held = sides.by_value(column, said=True)
        if found.held is None:
            why = f"by chance; rows of one {column.column!r} stay together, as was said"
            found.split = sides.by_columns([column], why)
        return
    own = [held for column in columns if (held := sides.by_value(column)) is not None]
    own = [held for held in own if held.column.column not in wishes.targets]
    # The first of those that name a side for test, too.
    found.held = next((held for held in own if held.test), own[0] if own else None)


def _choose_keys(columns: Sequence[Column], wishes: Wishes, found: Roles) -> None:
    if wishes.keys:
        found.keys = [column for column in columns if column.column in wishes.keys]
        found.keys_why = "as was said"
        return
    taken = {*wishes.targets, *wishes.texts, *wishes.ids}
    keys = {c: why for c in columns if c.column not in taken and (why := _key(c))}
    found.keys = [*keys]
    found.keys_why = "; ".join(f"{column.name}: {why}" for column, why in keys.items())


def _key(column: Column) -> str:
    """Why a column tells rows apart; empty where it does not."""
    if not column.is_unique or column.missing > 0 or column.is_time or column.is_running:
        return ""
    if column.numbers is not None:
        if not column.is_whole:
            return ""
        if column.is_rising and not names.says_amount(column.column):
            return "whole numbers that rise from row to row"
        return "whole numbers, each once, under a name of ids" if _says_key(column) else ""
    if column.form is not None or column.without_spaces:
        return ""
    short = float(np.mean(pc.utf8_length(column.counted.values).to_numpy())) <= 40
    spaced = column.words is not None
    if spaced and not _says_key(column):
        return ""
    nearly = f", nearly numbers, {column.nearly_numbers}" if column.nearly_numbers else ""
    return f"text that is different in every row{nearly}" if short else ""


def _says_key(column: Column) -> bool:
    return names.says_id(column.column)


def _choose_targets(
    free: Sequence[Column],
    columns: Sequence[Column],
    wishes: Wishes,
    ask: Questions,
    found: Roles,
) -> None:
    if wishes.targets:
        for name in wishes.targets:
            if name in found.left_out:
                rule = f"the target must have values to learn: {name}"
                raise Failure(Exit.USAGE, rule, received=found.left_out[name])
            if found.held is not None and found.held.column.column == name:
                raise Failure(Exit.USAGE, "the target must not decide the split", received=name)
        chosen = {c: "as was said" for c in columns if c.column in wishes.targets}
        found.keys = [column for column in found.keys if column not in chosen]
    else:
        if len(free) < 2 and not found.keys:
            rule = "the rows must have a column to predict and another to predict it from"
            said = [f"{name[:256]}: {reason}" for name, reason in found.left_out.items()]
            said += [f"{column.column[:256]}: the only one left" for column in free]
            raise Failure(Exit.USAGE, rule, received=said)
        chosen = dict(targets.chosen(free, found.keys, ask.target))
    if len(chosen) == 1 and _is_followed(next(iter(chosen)), ask):
        chosen = {replace(column, followed=True): why for column, why in chosen.items()}
    taken = {column.name for column in columns}
    for column, why in chosen.items():
        kind, look = best_look(heads.KINDS, column)
        if wishes.targets:
            _check_comes_again(column, look)
        called = _name_of_next(column.name, taken) if look.of_next else ""
        found.heads.append(Part(column, kind, look, why, called))


def _check_comes_again(column: Column, look: Look) -> None:
    """Raises Failure 2 where nearly every row has a label of its own: nothing is learned of one."""
    if column.is_list or look.of_elements or look.of_next or column.numbers is not None:
        return
    if column.is_nearly_unique:
        rule = (
            "a target that is text must have values that come again, or its cells must be numbers"
        )
        some = ", ".join(map(repr, column.counted.values[:3].to_pylist()))
        nearly = f"; {column.nearly_numbers}" if column.nearly_numbers else ""
        of = column.counted
        said = f"{column.column}: {of.distinct:,} different values in {of.present:,} rows"
        raise Failure(Exit.USAGE, rule, received=f"{said}, as {some}{nearly}")


def _is_followed(column: Column, ask: Questions) -> bool:
    """Whether what comes next in a column's lists is to be predicted."""
    order = sequels.order_of(column)
    if order is None:
        return False
    return order.means_something if order.is_sure else ask.order(column.column, order)


def _name_of_next(name: str, taken: Set[str]) -> str:
    return free_name("next" if "next" not in taken else f"next_{name}", taken)
