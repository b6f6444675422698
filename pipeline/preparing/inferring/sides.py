"""Which rows are held out: by a column that says so, or so that what belongs together stays so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinds.columns.flags import TRUE
from kinds.lists import list_lengths
from kinds.looks import ids, names
from kinds.looks.column import FEW, Column

_TRAIN = frozenset(("train", "training", "trn", "tr", "learn", "fit"))
_EVAL = frozenset(("eval", "evaluation", "val", "valid", "validation", "validate", "dev"))
_EVAL |= frozenset(("development", "tune"))
_TEST = frozenset(("test", "testing", "tst", "holdout", "held-out", "heldout", "hold-out", "oos"))
_FOLDS = frozenset(("fold", "folds", "cv", "kfold"))
_MOST_FOLDS = 20
# An element for eval, and two before it.
_LEAST_ELEMENTS = 3
_OF_EVENTS = names.TIMES | names.EVENTS | names.CALENDAR
_FEW_TIMES_BACK = 0.01
# A split by time rejects the rows without one.
_FEW_WITHOUT_TIME = 0.001
_SUBJECTS = frozenset(("id", "ids", "uid", "uuid", "guid"))
# So many rows of one id on average are too few to learn from it.
_FEW_ROWS_OF_AN_ID = 5
# Where more of the rows than these repeat others, inputs have few values: alike is no copy.
_FEW_KINDS_OF_ROWS = 0.8
_SHARES = {"eval": 0.1, "test": 0.1}
# With fewer targets a tenth of them is too few to choose anything by.
_FEW_TARGETS, _MORE = 1_000, 0.2


@dataclass(frozen=True)
class Held:
    """A column's values that say that a row is held out, in eval and in test."""

    column: Column
    eval: tuple[str, ...]
    test: tuple[str, ...]
    why: str

    def split(self) -> "Split":
        said = {"by": "column", "column": self.column.column, "eval": [*self.eval]}
        return Split(said | ({"test": [*self.test]} if self.test else {}), self.why)


@dataclass(frozen=True)
class Split:
    """The settings of a split, and why. Of the columns `new` a held-out row has values that no
    training row has: there is nothing to learn from them."""

    settings: Mapping[str, Any]
    why: str
    new: tuple[Column, ...] = ()


def by_value(column: Column, *, said: bool = False) -> Held | None:
    """What a column holds out by its values, if it does. `said` is that somebody named it."""
    if column.is_list or not 2 <= column.distinct <= _MOST_FOLDS:
        return None
    texts = sorted(column.counted.values.to_pylist())
    return _by_words(column, texts) or _by_flag(column, texts) or _by_fold(column, texts, said)


def _by_words(column: Column, texts: Sequence[str]) -> Held | None:
    plain = {text: text.strip().lower().replace("_", "-") for text in texts}
    train, held, test = (
        tuple(text for text in texts if plain[text] in said) for said in (_TRAIN, _EVAL, _TEST)
    )
    if not train or len(train) + len(held) + len(test) < len(texts):
        return None
    why = f"the values of {column.column!r} say it"
    if not held:
        return Held(column, test, (), f"{why}; without rows for eval, those of test are eval's")
    return Held(column, held, test, why)


def _by_flag(column: Column, texts: Sequence[str]) -> Held | None:
    """A column such as is_test or train."""
    words = {*names.words(column.column)} - {"is", "in", "for"}
    if (
        not column.is_flag
        or column.flag_words
        or len(words) != 1
        or not words <= _TRAIN | _EVAL | _TEST
    ):
        return None
    yes = tuple(t for t in texts if t.strip().lower() in TRUE)
    held = tuple(t for t in texts if t not in yes) if words <= _TRAIN else yes
    return Held(column, held, (), f"{column.column!r} says which rows are not to train")


def _by_fold(column: Column, texts: list[str], said: bool) -> Held | None:
    named = names.says(column.column, _FOLDS)
    if not (named or said) or (not said and column.counted.total < FEW):
        return None
    numbers = column.plain_numbers
    if numbers is not None:
        texts = [texts[at] for at in np.argsort([float(text) for text in texts], kind="stable")]
    elif not said:
        return None
    if len(texts) == 2:
        return Held(column, (texts[-1],), (), f"the last value of {column.column!r} is held out")
    why = f"the last two values of {column.column!r} are held out"
    return Held(column, (texts[-2],), (texts[-1],), why)


def by_columns(columns: Sequence[Column], why: str, new: tuple[Column, ...] = ()) -> Split:
    """Rows with the same values in these columns stay together; otherwise chance decides."""
    said = {"by": "hash", "columns": [column.column for column in columns]}
    return Split({**said, **_SHARES}, why, new)


def of_elements(column: Column) -> Split | None:
    """What comes last of each list is held out, if most lists are long enough for that."""
    if (list_lengths(column.lists) >= _LEAST_ELEMENTS).mean() < 0.5:
        return None
    why = f"the last two elements of each list of {column.column!r}, for test and for eval"
    return Split({"by": "last"}, why)


def found(
    inputs: Sequence[Column],
    keys: Sequence[Column],
    pair: Sequence[Column],
    others: Sequence[Column],
) -> Split:
    """The split where no column decides. `pair` are keys of two columns, `others` what else the
    rows have."""
    every = [*inputs, *others]
    groups = [column for column in every if _is_group(column)]
    if any(column.holds_target for column in inputs):
        own = _of_histories(groups, pair, _times(every, inputs))
        if own is not None:
            return own
    for column in [c for c in groups if names.says(c.column, names.VISITS)] + _subjects(every):
        each = column.counted.total / column.distinct
        why = f"rows of one {column.column!r} belong together ({each:.1f} rows each)"
        return by_columns([column], why, (column,))
    for column in _times(every, inputs):
        if is_sorted(column) or {*names.words(column.column)} <= _OF_EVENTS:
            why = f"the newest rows by {column.column!r}, since a model is used on rows to come"
            why += "; the few rows without one are rejected" * bool(column.missing + column.absent)
            return Split({"by": "time", "column": column.column, **_SHARES}, why)
    if keys:
        return by_columns(
            keys, "by chance; the key tells rows apart, rows of one key stay together"
        )
    if pair:
        said = " and ".join(repr(column.column) for column in pair)
        return by_columns(pair, f"by chance; no two rows have the same {said}")
    plain = [column for column in inputs if not column.is_list]
    if (alike := _alike(plain) if plain else 0.0) == 0 or alike > _FEW_KINDS_OF_ROWS:
        many = "many rows are" if alike else "no two rows are"
        return Split({"by": "row", **_SHARES}, f"by chance; {many} alike in all inputs")
    return by_columns(plain, "by chance; rows that are alike in all inputs stay together")


def enough(split: Split, targets: int) -> Split:
    """A split with more rows for eval, where few rows have a target.

    >>> split = Split({"by": "row", "eval": 0.1, "test": 0.1}, "by chance")
    >>> enough(split, 200).settings["eval"], enough(split, 20_000) is split
    (0.2, True)
    """
    if targets >= _FEW_TARGETS or split.settings.get("eval") != _SHARES["eval"]:
        return split
    why = f"{split.why}; a fifth for eval, as only {targets:,} rows have a target"
    if split.settings["by"] != "time":
        why += " (pipeline.folds tests on all of them)"
    return replace(split, settings={**split.settings, "eval": _MORE}, why=why)


def _of_histories(
    groups: Sequence[Column], pair: Sequence[Column], times: Sequence[Column]
) -> Split | None:
    """Where rows have the past of somebody in lists, what comes last of each is held out."""
    owners = [c for c in groups if c in pair or names.says_thing(c.column)]
    if not owners:
        return None
    owner = owners[0]
    steps = [c for c in pair if c is not owner and c.is_whole] if owner in pair else []
    for order in [*times, *steps]:
        said = {"by": "last", "columns": [owner.column], "order": order.column}
        return Split(said, f"what comes last of each {owner.column!r} by {order.column!r}")
    why = f"by chance; rows of one {owner.column!r} have much of their lists in common"
    return by_columns([owner], why, (owner,))


def _alike(columns: Sequence[Column]) -> float:
    """The share of the sample's rows that have another one before them with the same values."""
    mixed = np.zeros(len(columns[0].values), np.int64)
    for column in columns:
        _, mixed = np.unique(mixed * (column.distinct + 2) + column.codes, return_inverse=True)
    return 1 - len(np.unique(mixed)) / max(1, len(mixed))


def _is_group(column: Column) -> bool:
    """Whether a column's values come a few times each, as those of somebody or something do."""
    of = column.counted
    if column.is_list or column.is_time or of.distinct < FEW or of.total < 2 * of.distinct:
        return False
    verdict = ids.verdict(column)
    return column.numbers is None or (verdict is not None and verdict.are_ids)


def _subjects(columns: Sequence[Column]) -> list[Column]:
    """Columns called id and no more, of which each value comes again, but only a few times: the
    same subject some times over."""
    named = [c for c in columns if {*names.words(c.column)} <= _SUBJECTS and not c.is_list]
    return [
        column
        for column in named
        if column.distinct >= FEW
        and 1.2 * column.distinct < column.counted.total < _FEW_ROWS_OF_AN_ID * column.distinct
        and column.counted.once < 0.8 * column.distinct
    ]


def _times(columns: Sequence[Column], inputs: Sequence[Column]) -> list[Column]:
    """The columns by which a split can put all rows in time, that with most times first."""
    fit = [
        column
        for column in columns
        if column.is_time
        and column.missing + column.absent <= _FEW_WITHOUT_TIME
        and column.distinct >= FEW
        and _is_read(column, inputs)
    ]
    return sorted(fit, key=lambda column: -column.distinct)


def _is_read(column: Column, inputs: Sequence[Column]) -> bool:
    """Whether a split by time reads a column: it takes ISO days and times, and numbers, and of an
    input what this reads."""
    if column.time is None or column.time.format in ("iso", "YMD"):
        return True
    return bool(column.time.format) and column in inputs


def is_sorted(column: Column) -> bool:
    """Whether the rows come in the order of a column of times, from its beginning again for each of
    a few things."""
    points = column.points
    if points is None:
        return False
    back = np.diff(points[np.isfinite(points)]) < 0
    return bool(back.sum() <= _FEW_TIMES_BACK * len(back))
