"""Columns that a model learns from: which of those that are left, as what kind, and the split."""

from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from kinds.heads import show as heads
from kinds.heads.spec import CLASSES as HEADS
from kinds.inputs import KINDS as INPUTS
from kinds.inputs import show as inputs
from kinds.inputs.spec import CLASSES
from kinds.looks.column import Column
from kinds.tensors import exclude, only
from pipeline.preparing.inferring import arithmetic, relations, sides
from pipeline.preparing.inferring.parts import Part, Roles, best_look, free_name
from pipeline.preparing.inferring.relations import Target
from pipeline.preparing.inferring.wishes import Wishes
from pipeline.spec.limits import is_inner

# A look that is less sure than this is no input unless there is no other.
_LEAST_SURE = 0.25
_FEW_KEYS = 5
# Letters of a name, such as a company's or a person's.
_LONGEST_NAME = 80
# The share of the rows that a split by time does not hold out.
_EARLIER = 0.8
# Of more columns than these no number is an input twice.
_MOST_TWICE = 16
# Inputs that have a value for each place of a list.
_READ_LISTS = {kind for kind, of in zip(INPUTS, CLASSES, strict=True) if of.READS_LIST}


def choose_inputs(columns: Sequence[Column], wishes: Wishes, found: Roles) -> None:
    """Those of the columns that are learned from, and the split, if none was found yet."""
    compared = [_compared(part) for part in found.heads]
    of_heads = {name for part in found.heads for name in _names_in_file(part)}
    for column in [c for c in columns if is_inner(c.column) or c.column in of_heads]:
        found.left_out[column.column] = "a name that no input of the exported file can have"
    columns = [column for column in columns if column.column not in found.left_out]
    # Keys that somebody names are often the ids of what a row is about.
    keys = [c for c in found.keys if not wishes.keys or c.is_unique or c.is_nearly_unique]
    said = {*wishes.texts, *wishes.ids}
    left = _told_apart([c for c in columns if c not in keys], compared, said, found.left_out)
    own = [_with_evidence(column, compared) for column in left]
    weak: list[Part] = []
    leaks: list[Column] = []
    for column in own:
        kind, look = best_look(inputs.KINDS, column)
        part = Part(column, kind, look)
        given = _given_away(column, compared)
        if look.sure < _LEAST_SURE:
            weak.append(part)
            found.left_out[column.column] = _why_weak(part)
        elif why := _beside_next(column, kind, left):
            found.left_out[column.column] = why
        elif given and column.column not in said:
            weak.insert(0, part)
            leaks.append(column)
            found.left_out[column.column] = given
        else:
            found.inputs.append(_doubted(part, compared, found.doubts))
    _look_for_formulas(compared, leaks, said, found)
    found.inputs = _with_each(found.inputs, {part.name for part in found.heads})
    # Where nothing else is left, the first of these is better than nothing.
    if not found.inputs and (usable := [part for part in weak if part.look.sure > 0]):
        against = found.left_out.pop(usable[0].column.column)
        look = replace(usable[0].look, against=f"{against}; but there is nothing else")
        found.inputs.append(replace(usable[0], look=look))
    elif not found.keys and not wishes.keys:
        _choose_a_name(weak, found)
    _split(own, found)


def _choose_a_name(weak: Sequence[Part], found: Roles) -> None:
    """What nothing is learned of, since every row has its own, still tells rows apart in scores."""
    for column in (part.column for part in weak if part.look.sure < _LEAST_SURE):
        if not column.is_unique or column.missing > 0 or column.without_spaces:
            continue
        if column.numbers is not None or column.time is not None or column.nearly_numbers:
            continue
        if pc.max(pc.utf8_length(column.counted.values)).as_py() <= _LONGEST_NAME:
            found.keys, found.keys_why = [column], f"{column.name}: a name for each row"
            del found.left_out[column.column]
            return


def _with_each(parts: Sequence[Part], of_heads: Set[str]) -> list[Part]:
    """Behind each number whose values stand for themselves, too, an input that they do so in."""
    twice = [part for part in parts if part.look.each]
    if len(twice) > _MOST_TWICE:
        return [*parts]
    taken = {part.column.name for part in parts} | of_heads
    found: list[Part] = []
    for part in parts:
        found.append(part)
        if part in twice:
            name = free_name(f"{part.column.name}_each", taken)
            column = replace(part.column, name=name, each=True)
            found.append(Part(column, *best_look(inputs.KINDS, column)))
            taken.add(name)
    return found


def _given_away(column: Column, compared: Sequence[Target]) -> str:
    """The first target that a column gives away, in words; empty where there is none."""
    for one in compared:
        called = _called(one, compared)
        if why := relations.gives_away(column, one, called):
            return f"{why}: it may come from {called}"
    return ""


def _doubted(part: Part, compared: Sequence[Target], doubts: dict[str, str]) -> Part:
    """With what speaks against learning from it, which is noted."""
    for one in compared:
        if why := relations.may_come_from(part.column, one, _called(one, compared)):
            return _against(part, why, doubts)
    return part


def _against(part: Part, why: str, doubts: dict[str, str]) -> Part:
    doubts[part.column.column] = why
    against = "; ".join(filter(None, [part.look.against, why]))
    return replace(part, look=replace(part.look, against=against))


def _look_for_formulas(
    compared: Sequence[Target], leaks: Sequence[Column], said: Set[str], found: Roles
) -> None:
    """What adds up to a target is known no sooner than this, and goes. So does what a column that
    gives a target away is added to. Of other formulas a person must say what is known before."""
    wholes = {one.column: _called(one, compared) for one in compared if one.labels is None}
    wholes |= {one: f"{one.column!r}, which gives the target away," for one in leaks}
    for whole, called in wholes.items():
        while (of := _formula(whole, said, found)) is not None:
            why = f"{called} can be computed: {of}"
            gone = of.columns if of.is_sum else of.adds if whole in leaks else ()
            gone += tuple(c for c in of.columns if relations.is_named_after(c, whole))
            left = [part for part in found.inputs if part.column not in gone]
            if not gone or not left:
                found.inputs = [
                    _against(part, why, found.doubts) if part.column in of.columns else part
                    for part in found.inputs
                ]
                break
            found.left_out.update((column.column, why) for column in gone)
            found.inputs = left


def _formula(whole: Column, said: Set[str], found: Roles) -> arithmetic.Formula | None:
    if whole.is_list or whole.row_numbers is None:
        return None
    columns = [part.column for part in found.inputs if part.column.column not in said]
    return arithmetic.formula(whole.row_numbers, columns)


def _called(target: Target, compared: Sequence[Target]) -> str:
    return "the target" if len(compared) == 1 else repr(target.column.column)


def _names_in_file(head: Part) -> list[str]:
    """What results of a head are called in the file, and inputs that say which it may give."""
    name = head.column.name
    part = dict(zip(heads.KINDS, HEADS, strict=True))[head.kind]
    return [exclude(name), only(name), *(f"{name}.{result}" for result in part.RESULTS)]


def _beside_next(column: Column, kind: str, columns: Sequence[Column]) -> str:
    """Why a column goes with no head that predicts what comes next in lists; empty if it does, or
    there is no such head."""
    followed = next((c for c in columns if c.followed), None)
    if followed is None or column.followed:
        return ""
    if kind in _READ_LISTS:
        return f"nobody knows which of its elements came before each one of {followed.column!r}"
    return relations.comes_from(column, followed)


def _told_apart(
    columns: Sequence[Column], compared: Sequence[Target], said: Set[str], left_out: dict[str, str]
) -> list[Column]:
    """The columns without those that repeat others or only weigh the values of others."""
    left = [*columns]
    others = [one.column for one in compared if one.column not in left]
    for column, why in relations.repeated([*others, *left]).items():
        if column in left and column.column not in said:
            left_out[column.column] = why
            left.remove(column)
    may_be_weighed = [c for c in left if c.column not in said and not c.followed]
    for column, weight in relations.weights(may_be_weighed).items():
        left_out[weight.column] = f"it weighs the values of {column.column!r}"
        left[left.index(column)] = replace(column, weights=weight.column)
        left.remove(weight)
    return left


def _why_weak(part: Part) -> str:
    column = part.column
    if column.is_time:
        said = column.time.said if column.time is not None else "numbers that count from 1970"
        return f"{said}, which no input reads; write days as 2024-01-31"
    if column.without_spaces:
        return "text without spaces between its words; put spaces between them to learn from them"
    return part.look.reason


def _compared(part: Part) -> Target:
    is_number = "vocabulary" not in part.look.settings and not part.column.is_flag
    return relations.target_of(part.column, is_number=is_number)


def _with_evidence(column: Column, compared: Sequence[Target]) -> Column:
    smooth = relations.smoothness(column, compared)
    holds = column.is_list or column.listed is not None
    if holds and any(relations.holds(column, one.column) for one in compared):
        return replace(column, smooth=smooth, holds_target=True)
    return replace(column, smooth=smooth)


def _split(own: Sequence[Column], found: Roles) -> None:
    if found.held is not None:
        found.split = found.held.split()
    followed = next((column for column in own if column.followed), None)
    if found.split is None and followed is not None:
        found.split = sides.of_elements(followed)
    if found.split is not None:
        return
    # A number that stands for itself, too, is read once.
    read = [part.column for part in found.inputs if not part.column.each]
    others = [column for column in own if column not in read]
    pair: tuple[Column, ...] = ()
    if not found.keys:
        pair = relations.keys_of_two([c for c in own if _may_be_key(c)]) or ()
        if pair:
            found.keys = [*pair]
            found.keys_why = "no two rows have the same values of both"
    split = sides.found(read, () if pair else found.keys, pair, others)
    found.split = sides.enough(split, min(map(_with_a_target, found.heads)))
    found.inputs = [part for part in found.inputs if not _is_later(part.column, found.split, own)]
    for part in [part for part in found.inputs if part.column in found.split.new]:
        if len(found.inputs) > 1:
            found.inputs.remove(part)
            why = "it decides the split, so held-out rows have values that training never saw"
            found.left_out[part.column.column] = why


def _with_a_target(head: Part) -> int:
    """How many rows have one."""
    of = head.column.counted
    return round(of.present - head.column.absent * of.rows)


def _is_later(column: Column, split: sides.Split, columns: Sequence[Column]) -> bool:
    """Whether numbers that each stand for themselves are others in the newest rows, as years are:
    where those are held out, nothing is learned of them."""
    when = next((c for c in columns if c.column == split.settings.get("column")), None)
    if not column.each or split.settings["by"] != "time" or when is None or when.points is None:
        return False
    order = np.argsort(when.points, kind="stable")
    cut = int(_EARLIER * len(order))
    earlier, later = column.codes[order[:cut]], column.codes[order[cut:]]
    return bool(len(later) and (~np.isin(later, earlier)).mean() > 0.5)


def _may_be_key(column: Column) -> bool:
    if column.is_list or column.distinct < _FEW_KEYS or column.missing > 0 or column.is_running:
        return False
    if column.is_unique or column.is_nearly_unique:
        return False
    return column.numbers is None or column.is_whole
