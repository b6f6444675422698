"""Roles of columns: what is predicted, what is learned from, what tells rows apart, what goes."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.heads import show as heads
from kinds.heads.spec import CLASSES as HEADS
from kinds.inputs import KINDS as INPUTS
from kinds.inputs import show as inputs
from kinds.inputs.spec import CLASSES
from kinds.looks import names, sequels
from kinds.looks.column import Column, Said
from kinds.looks.counted import Counted
from kinds.looks.look import Look
from kinds.tensors import exclude, only
from pipeline.failures import Exit, Failure
from pipeline.preparing.inferring import relations, sides, targets
from pipeline.preparing.inferring.relations import Target
from pipeline.preparing.inferring.sample import Sample
from pipeline.preparing.inferring.wishes import Questions, Wishes
from pipeline.spec.limits import is_inner

# A look that is less sure than this is no input unless there is no other.
_LEAST_SURE = 0.25
_FEW_KEYS = 5
# Of more columns than these no number is an input twice.
_MOST_TWICE = 16
# Inputs that have a value for each place of a list.
_READ_LISTS = {kind for kind, of in zip(INPUTS, CLASSES, strict=True) if of.READS_LIST}
_OWN_INDEX = ("", "Unnamed: 0", "__index_level_0__", "index", "level_0", "rownames", "row_names")


@dataclass(frozen=True, eq=False)
class Part:
    """A column as an input or a head: the kind, and why. `called` is what a head is called whose
    column is an input, too."""

    column: Column
    kind: str
    look: Look
    why: str = ""
    called: str = ""

    @property
    def name(self) -> str:
        return self.called or self.column.name

    @property
    def values(self) -> Counted:
        """What a vocabulary of it has: the values, or the elements that they are made of."""
        return self.column.elements if self.look.of_elements else self.column.counted


@dataclass
class Roles:
    """What each column is for."""

    sample: Sample
    heads: list[Part] = field(default_factory=list)
    inputs: list[Part] = field(default_factory=list)
    keys: list[Column] = field(default_factory=list)
    keys_why: str = ""
    held: sides.Held | None = None
    split: sides.Split | None = None

    @property
    def missing_words(self) -> list[str]:
        """What cells hold where there is no number."""
        parts = [*self.inputs, *self.heads]
        return [*dict.fromkeys(word for part in parts for word in part.look.missing_words)]

    # By the names of columns, why each goes into no part.
    left_out: dict[str, str] = field(default_factory=dict)


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
    _choose_inputs(left, wishes, found)
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
    if not 0 < len(column.column) <= 256:
        return "a name that no spec can say"
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
        kind, look = _best(heads.KINDS, column)
        called = _name_of_next(column.name, taken) if look.of_next else ""
        found.heads.append(Part(column, kind, look, why, called))


def _is_followed(column: Column, ask: Questions) -> bool:
    """Whether what comes next in a column's lists is to be predicted."""
    order = sequels.order_of(column)
    if order is None:
        return False
    return order.means_something if order.is_sure else ask.order(column.column, order)


def _name_of_next(name: str, taken: Set[str]) -> str:
    return _free("next" if "next" not in taken else f"next_{name}", taken)


def _free(name: str, taken: Set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _best(kinds: Mapping[str, inputs.Show | heads.Show], column: Column) -> tuple[str, Look]:
    """The kind that takes a column most surely, and its look."""
    looks = {kind: look for kind, of in kinds.items() if (look := of.could_be(column)) is not None}
    if not looks:
        return "", Look(0.0, "no kind takes it")
    return max(looks.items(), key=lambda item: item[1].sure)


def _choose_inputs(columns: Sequence[Column], wishes: Wishes, found: Roles) -> None:
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
    for column in own:
        kind, look = _best(inputs.KINDS, column)
        part = Part(column, kind, look)
        given = _given_away(column, compared)
        if look.sure < _LEAST_SURE:
            weak.append(part)
            found.left_out[column.column] = _why_weak(part)
        elif why := _beside_next(column, kind, left):
            found.left_out[column.column] = why
        elif given and column.column not in said:
            weak.insert(0, part)
            found.left_out[column.column] = given
        else:
            found.inputs.append(part)
    found.inputs = _with_each(found.inputs, {part.name for part in found.heads})
    # Where nothing else is left, the first of these is better than nothing.
    if not found.inputs and (usable := [part for part in weak if part.look.sure > 0]):
        against = found.left_out.pop(usable[0].column.column)
        look = replace(usable[0].look, against=f"{against}; but there is nothing else")
        found.inputs.append(replace(usable[0], look=look))
    _split(own, found)


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
            name = _free(f"{part.column.name}_each", taken)
            column = replace(part.column, name=name, each=True)
            found.append(Part(column, *_best(inputs.KINDS, column)))
            taken.add(name)
    return found


def _given_away(column: Column, compared: Sequence[Target]) -> str:
    """The first target that a column gives away, in words; empty where there is none."""
    for one in compared:
        called = "the target" if len(compared) == 1 else repr(one.column.column)
        if why := relations.gives_away(column, one, called):
            return f"{why}: it may come from {called}"
    return ""


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
    read = [part.column for part in found.inputs]
    others = [column for column in own if column not in read]
    pair: tuple[Column, ...] = ()
    if not found.keys:
        pair = relations.keys_of_two([c for c in own if _may_be_key(c)]) or ()
        if pair:
            found.keys = [*pair]
            found.keys_why = "no two rows have the same values of both"
    found.split = sides.found(read, () if pair else found.keys, pair, others)
    for part in [part for part in found.inputs if part.column in found.split.new]:
        if len(found.inputs) > 1:
            found.inputs.remove(part)
            why = "it decides the split, so held-out rows have values that training never saw"
            found.left_out[part.column.column] = why


def _may_be_key(column: Column) -> bool:
    if column.is_list or column.distinct < _FEW_KEYS or column.missing > 0 or column.is_running:
        return False
    if column.is_unique or column.is_nearly_unique:
        return False
    return column.numbers is None or column.is_whole
