"""Which rows are held out: by a column that says so, or so that what belongs together stays so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinds.looks import FEW, Column, ids, names

_TRAIN = frozenset(("train", "training", "trn", "tr", "learn", "fit"))
_EVAL = frozenset(("eval", "evaluation", "val", "valid", "validation", "validate", "dev"))
_EVAL |= frozenset(("development", "tune"))
_TEST = frozenset(("test", "testing", "tst", "holdout", "held-out", "heldout", "hold-out", "oos"))
_FOLDS = frozenset(("fold", "folds", "cv", "kfold"))
_MOST_FOLDS = 20


@dataclass(frozen=True)
class Held:
    """A column's values that say that a row is held out, in eval and in test."""

    column: Column
    eval: tuple[str, ...]
    test: tuple[str, ...]
    why: str


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
    if not column.is_flag or len(words) != 1 or not words <= _TRAIN | _EVAL | _TEST:
        return None
    yes = tuple(t for t in texts if t.strip().lower() in ("1", "1.0", "true", "yes", "t", "y"))
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


@dataclass(frozen=True)
class Together:
    """Columns whose equal rows stay on one side, and why. `new` are those whose values a held-out
    row never shares with a training row: nothing to learn from."""

    columns: tuple[Column, ...]
    why: str
    new: tuple[Column, ...] = ()


def together(
    inputs: Sequence[Column],
    keys: Sequence[Column],
    pair: Sequence[Column],
    others: Sequence[Column],
) -> Together:
    """Without a column that decides. `pair` are keys of two columns, `others` what is no input."""
    histories = [column for column in inputs if column.holds_target]
    scalars = [c for c in [*inputs, *others] if not c.is_list and not c.is_time]
    if histories:
        owners = [c for c in scalars if _is_group(c) and names.says_thing(c.column)] or [
            c for c in scalars if _is_group(c) and c in pair
        ]
        if owners:
            why = f"rows of one {owners[0].column!r} have much of their lists in common"
            return Together((owners[0],), why, (owners[0],))
    visits = [c for c in scalars if _is_group(c) and names.says(c.column, names.VISITS)]
    if visits:
        column = visits[0]
        each = column.counted.total / column.distinct
        why = f"rows of one {column.column!r} belong together ({each:.1f} rows each)"
        return Together((column,), why, (column,))
    if keys:
        return Together(tuple(keys), "the key tells rows apart; those of one key stay together")
    if pair:
        said = " and ".join(repr(column.column) for column in pair)
        return Together(tuple(pair), f"no two rows have the same {said}")
    own = [column for column in inputs if not column.is_list] or [*inputs]
    return Together(tuple(own), "rows that are alike in all inputs stay together")


def _is_group(column: Column) -> bool:
    """Whether a column's values come a few times each, as those of somebody or something do."""
    of = column.counted
    if column.is_list or not of.distinct >= FEW or of.total < 2 * of.distinct:
        return False
    verdict = ids.verdict(column)
    return column.numbers is None or (verdict is not None and verdict.are_ids)


def in_time(columns: Sequence[Column]) -> Column | None:
    """The column by which the rows can be put in time, if there is one: the fullest of them."""
    found = []
    for column in columns:
        if not column.is_time or column.missing > 0.01 or column.distinct < FEW:
            continue
        points = column.points
        if points is not None and np.isfinite(points).mean() > 0.99:
            found.append(column)
    return max(found, key=lambda column: column.distinct, default=None)


def is_sorted(column: Column) -> bool:
    """Whether the rows come in the order of a column of times."""
    points = column.points
    return points is not None and bool((np.diff(points[np.isfinite(points)]) >= 0).all())
