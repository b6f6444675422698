"""Columns compared: which say the same, which give the target away, which share their values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.lists import list_lengths
from kinds.looks import names, order
from kinds.looks.column import FEW, Column
from kinds.looks.counted import Counted

_LABELS = 3
_ENOUGH = 50
# Of the errors of a constant answer, and of the variance, so little is left by one column alone.
_LEFT_OF_ERRORS, _LEFT_OF_VARIANCE = 0.02, 0.002
# Where the column's name holds the target's.
_LEFT_IF_NAMED, _LONG_NAME = 0.1, 4
# Parts that a target's numbers may be cut into.
_MOST_BANDS = 20
_NEARLY_ONE = 0.95
_SEED = 2
_OVERLAP, _LEAST_SHARED = 0.6, 20
# Labels that stand in texts: in so many rows, and in no more where they are another row's.
_NAMED, _NAMED_BY_CHANCE = 0.995, 0.9
_NAMED_ROWS = 5_000
# Fewer names may be the same things, too, if nearly all are in both columns. Answers such as
# "never" and "often" are fewer still.
_LEAST_NAMES, _NEARLY_ALL = 8, 0.9
_MOST_COMPARED = 60
_BY_CHANCE = 10
# Of the rows, those in which a column says something of a list's end.
_FROM_LISTS = 0.95
# The correlation of ranks from which on two numbers have one order.
_ONE_ORDER = 0.99


@dataclass(frozen=True)
class Target:
    """A target of the sample's rows: as numbers that have means, and as labels if it has some."""

    column: Column
    numbers: Sequence[np.ndarray]
    labels: np.ndarray | None


def target_of(column: Column, *, is_number: bool) -> Target:
    if column.is_list or column.followed:
        return Target(column, (), None)
    if is_number and column.row_numbers is not None:
        return Target(column, (column.row_numbers,), None)
    labels = column.codes
    frequent = np.argsort(-np.bincount(labels[labels >= 0]))[:_LABELS]
    said = [np.where(labels < 0, np.nan, labels == label) for label in frequent]
    return Target(column, said if column.distinct > 2 else said[:1], labels)


def smoothness(column: Column, targets: Sequence[Target]) -> float | None:
    """How far the targets follow the order of a column's whole numbers (kinds.looks.order)."""
    if not column.is_whole or column.row_numbers is None:
        return None
    rows = column.row_numbers
    found = [order.smoothness(rows, numbers) for one in targets for numbers in one.numbers]
    known = [one for one in found if one is not None]
    return float(np.mean(known)) if known else None


def gives_away(column: Column, target: Target, called: str) -> str:
    """What a column alone says of the target, in words, where that is too much; else empty."""
    if column.is_list or len(column.values) < _ENOUGH:
        return ""
    if target.labels is not None:
        return (
            _gives_label(column, target.labels, called)
            or _names_label(column, target, called)
            or _groups_labels(column, target, called)
        )
    if not target.numbers:
        return ""
    most = _LEFT_IF_NAMED if is_named_after(column, target.column) else _LEFT_OF_VARIANCE
    numbers = target.numbers[0]
    return _gives_number(column, numbers, most, called) or _cuts(column, numbers, called)


def is_named_after(column: Column, other: Column) -> bool:
    """Whether a name such as rprice beside price says what a column is made of."""
    return len(other.column) >= _LONG_NAME and other.column.lower() in column.column.lower()


def may_come_from(column: Column, target: Target, called: str) -> str:
    """Why a column may be known no sooner than a target, in words, though it does not give it away:
    it groups its labels, but a country is also known of each city."""
    if column.is_list or len(column.values) < _ENOUGH:
        return ""
    if _is_wait(column, target.column):
        return f"it may be how long it took until {called} was known, or had not happened yet"
    if target.labels is None:
        own = _is_wait(target.column, column)
        return f"it may say how {called} ended, or whether it had ended yet" if own else ""
    if not _groups(column, target.labels):
        return ""
    return f"every value of {called} has one value of it alone, so it may be made from {called}"


def _is_wait(column: Column, end: Column) -> bool:
    """Whether one column is how long it took until the other one's end, by their names."""
    waited = column.numbers is not None and names.says(column.column, names.WAITED)
    return waited and names.says(end.column, names.ENDINGS)


def _groups_labels(column: Column, target: Target, called: str) -> str:
    if target.labels is None or not is_named_after(column, target.column):
        return ""
    if not _groups(column, target.labels):
        return ""
    return f"it is named after {called}, each of whose values has one value of it alone"


def _groups(column: Column, labels: np.ndarray) -> bool:
    """Whether every label has one value of a column alone, and not by chance."""
    there = (labels >= 0) & _has_value(column)
    labels, codes = labels[there], column.codes[there]
    known, values = len(np.unique(labels)), np.unique(codes, return_counts=True)[1]
    # Nearly all rows have one value by chance, too, and so have labels of few rows.
    is_by_chance = len(labels) < FEW * known or values.max(initial=0) > _NEARLY_ONE * len(labels)
    if is_by_chance or not 2 <= len(values) < known:
        return False
    return len(np.unique(labels * (codes.max() + 1) + codes)) == known


def _names_label(column: Column, target: Target, called: str) -> str:
    """In how many rows a text holds the target's label, in words, where these are nearly all; empty
    where labels stand in any text."""
    if target.labels is None or column.numbers is not None or target.column.numbers is not None:
        return ""
    labels = pc.utf8_lower(target.column.values)
    there = pc.and_(pc.is_valid(column.values), pc.greater_equal(pc.utf8_length(labels), 3))
    rows = np.flatnonzero(pc.fill_null(there, False).to_numpy(zero_copy_only=False))[:_NAMED_ROWS]
    if len(rows) < _ENOUGH:
        return ""
    texts = pc.utf8_lower(column.values).take(pa.array(rows)).to_pylist()
    own = labels.take(pa.array(rows)).to_pylist()
    others = np.random.default_rng(_SEED).permutation(len(own))
    held = np.mean([label in text for label, text in zip(own, texts, strict=True)])
    by_chance = np.mean([own[o] in text for o, text in zip(others, texts, strict=True)])
    if held < _NAMED or by_chance > _NAMED_BY_CHANCE:
        return ""
    return f"its text names {called} in {held:.2%} of the rows"


def _halves(rows: int) -> np.ndarray:
    return np.random.default_rng(_SEED).random(rows) < 0.5


def _gives_label(column: Column, labels: np.ndarray, called: str) -> str:
    there = labels >= 0
    constant = np.bincount(labels[there]).max() / max(1, there.sum())
    for guess in _answers(column, labels, there):
        known = (guess >= 0) & there
        if known.sum() < _ENOUGH or known.sum() < 0.2 * there.sum():
            continue
        right = float((guess[known] == labels[known]).mean())
        if 1 - right <= _LEFT_OF_ERRORS * (1 - constant):
            return f"alone it gives {called} in {right:.2%} of the rows"
    # Such as the day on which what is predicted happened.
    here = _has_value(column)
    most = [np.bincount(labels[there & rows], minlength=1).max() for rows in (here, ~here)]
    right = float(sum(most) / max(1, there.sum()))
    if constant < 1 and 1 - right <= _LEFT_OF_ERRORS * (1 - constant):
        return f"whether it has a value gives {called} in {right:.2%} of the rows"
    return ""


def _has_value(column: Column) -> np.ndarray:
    """bool [rows]: which rows have a value that is none of those that say that there is none."""
    if column.row_numbers is not None:
        return np.isfinite(column.row_numbers)
    return np.isfinite(column.points) if column.points is not None else column.codes >= 0


def _answers(column: Column, labels: np.ndarray, there: np.ndarray) -> Iterator[np.ndarray]:
    """Labels that half of the rows give for the other half, -1 where none: by equal values, and by
    the nearest number."""
    learn = _halves(len(labels)) & there
    codes = column.codes
    own = learn & (codes >= 0)
    pairs, counts = np.unique(np.stack([codes[own], labels[own]]), axis=1, return_counts=True)
    best = np.full(codes.max(initial=0) + 1, -1, np.int64)
    rising = np.argsort(counts, kind="stable")
    best[pairs[0][rising]] = pairs[1][rising]
    yield np.where(learn | (codes < 0), -1, best[codes])
    if (near := _nearest(column, learn)) is not None:
        yield np.where(near >= 0, labels[near], -1)


def _nearest(column: Column, learn: np.ndarray) -> np.ndarray | None:
    """int [rows]: of the other half the row of the first one whose number is nearest, else -1."""
    rows = column.row_numbers
    if rows is None or column.distinct < FEW:
        return None
    known = np.flatnonzero(learn & np.isfinite(rows))
    asked = np.flatnonzero(~learn & np.isfinite(rows))
    if not len(known) or not len(asked):
        return None
    known = known[np.argsort(rows[known], kind="stable")]
    above = np.clip(np.searchsorted(rows[known], rows[asked]), 1, max(1, len(known) - 1))
    pair = known[np.stack([above - 1, np.minimum(above, len(known) - 1)])]
    nearer = np.abs(rows[pair] - rows[asked]).argmin(axis=0)
    near = np.full(len(rows), -1, np.int64)
    near[asked] = pair[nearer, np.arange(len(asked))]
    return near


def _gives_number(column: Column, numbers: np.ndarray, most: float, called: str) -> str:
    there = np.isfinite(numbers)
    learn = _halves(len(numbers)) & there
    # Of places in their order a few numbers far above the others do not decide.
    numbers = _places(numbers)
    spread = float(np.var(numbers[there])) if there.any() else 0.0
    for said in _means(column, numbers, learn):
        known = np.isfinite(said) & there & ~learn
        if known.sum() < _ENOUGH or known.sum() < 0.2 * there.sum() or not spread:
            continue
        left = float(np.mean((said[known] - numbers[known]) ** 2)) / spread
        if left <= most:
            return f"alone it explains {1 - left:.2%} of the variance of the ranks of {called}"
    return ""


def _cuts(column: Column, numbers: np.ndarray, called: str) -> str:
    """Whether few values, such as low and high, follow each other along a target's numbers."""
    if column.distinct > _MOST_BANDS:
        return ""
    there = np.isfinite(numbers) & _has_value(column)
    own = [numbers[there & (column.codes == code)] for code in np.unique(column.codes[there])]
    if len(own) < 2 or min(map(len, own)) < FEW:
        return ""
    bands = sorted((float(part.min()), float(part.max())) for part in own)
    if any(end > begin for (_, end), (begin, _) in pairwise(bands)):
        return ""
    return f"each of its values is a part of the range of {called}"


def _places(numbers: np.ndarray) -> np.ndarray:
    """The rank of each number; equal ones have the same."""
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - counts / 2
    return np.where(np.isfinite(numbers), ranks[place], np.nan)


def _means(column: Column, numbers: np.ndarray, learn: np.ndarray) -> Iterator[np.ndarray]:
    codes = column.codes
    own = learn & (codes >= 0)
    rows = np.bincount(codes[own], minlength=codes.max(initial=0) + 1)
    sums = np.bincount(codes[own], numbers[own], minlength=len(rows))
    means = np.where(rows > 0, sums / np.maximum(rows, 1), np.nan)
    yield np.where(codes >= 0, means[codes], np.nan)
    if (near := _nearest(column, learn)) is not None:
        yield np.where(near >= 0, numbers[near], np.nan)


def repeated(columns: Sequence[Column]) -> dict[Column, str]:
    """Columns that say what an earlier one says, with why."""
    found: dict[Column, str] = {}
    first: dict[bytes, Column] = {}
    plain = [c for c in columns if not c.is_list and len(c.values) > FEW]
    # Of times that say the same, one in ISO form stays, else one that can be read as a time.
    plain.sort(key=lambda c: c.time is not None and (not c.time.format) + (c.time.format != "iso"))
    for column in plain:
        earlier = first.setdefault(column.codes.tobytes(), column)
        if earlier is column:
            continue
        if earlier.values.equals(column.values):
            found[column] = f"the same as {earlier.column!r} in every row"
        elif not column.is_unique and _in_one_order(earlier, column):
            found[column] = f"says what {earlier.column!r} says, in other values"
    left = [c for c in plain if c not in found and c.distinct > _LEAST_SHARED and not c.is_unique]
    left = [column for column in left if column.numbers is None or column.is_whole]
    for one, other in combinations(left[:_MOST_COMPARED], 2):
        if one not in found and other not in found and _go_together(one, other):
            found[other] = f"says what {one.column!r} says in nearly all rows, in other values"
    return found


def _go_together(one: Column, other: Column) -> bool:
    """Whether a value of either column tells the other's, in nearly all rows that could differ."""
    low, high = sorted((one.distinct, other.distinct))
    if low < 0.9 * high:
        return False
    there = (one.codes >= 0) & (other.codes >= 0)
    if there.mean() < 0.9:
        return False
    rows = one.codes[there], other.codes[there]
    pairs = np.unique(rows[0] * (rows[1].max() + 1) + rows[1])
    seen = [len(np.unique(codes)) for codes in rows]
    together = len(pairs) <= 1.05 * min(seen) and there.sum() > 1.2 * max(seen)
    return bool(together) and _in_one_order(one, other)


def _in_one_order(one: Column, other: Column) -> bool:
    """Whether the greater of two numbers goes with the greater (or the lesser) other one. Numbers
    that do not may say different things by their sizes, whatever goes with what. Texts have no
    order."""
    numbers = one.row_numbers, other.row_numbers
    if numbers[0] is None or numbers[1] is None:
        return True
    there = np.isfinite(numbers[0]) & np.isfinite(numbers[1])
    places = [_places(numbers[0][there]), _places(numbers[1][there])]
    if not there.any() or not all(place.std() for place in places):
        return True
    return bool(abs(np.corrcoef(places)[0, 1]) >= _ONE_ORDER)


def shared(columns: Mapping[Column, Counted]) -> list[list[Column]]:
    """Columns over the same values, as lists. The dict has what each looks up."""
    compared = [c for c, of in columns.items() if of.distinct >= _LEAST_NAMES][:_MOST_COMPARED]
    groups: list[list[Column]] = []
    for column in compared:
        own = [g for g in groups if any(_overlap(column, one, columns) for one in g)]
        if own:
            own[0].append(column)
        else:
            groups.append([column])
    return [group for group in groups if len(group) > 1]


def _overlap(one: Column, other: Column, of: Mapping[Column, Counted]) -> bool:
    """Whether the values of two columns are the same things: most of the fewer are among the
    others, and not only because both are numbers from 1 up."""
    small, large = sorted((of[one], of[other]), key=lambda counted: counted.distinct)
    both = pc.sum(pc.is_in(small.values, large.values)).as_py() or 0
    if both < _OVERLAP * small.distinct or large.distinct > 20 * small.distinct:
        return False
    same = both / (small.distinct + large.distinct - both)
    few, many = _as_numbers(small.values), _as_numbers(large.values)
    if small.distinct < _LEAST_SHARED:
        return few is None and bool(same >= _NEARLY_ALL)
    if few is None or many is None:
        return True
    room = float(np.ptp(few)) + 1
    by_chance = ((many >= few.min()) & (many <= few.max())).sum() / room
    if both / small.distinct > 2 * by_chance:
        return True
    alike = {*names.words(one.column)} & {*names.words(other.column)} & names.THINGS
    return bool(same >= 0.8 or alike)


def _as_numbers(values: pa.Array) -> np.ndarray | None:
    try:
        return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return None


def weights(columns: Sequence[Column]) -> dict[Column, Column]:
    """Columns of lists, each with the column that has a number from 0 up for every element."""
    lists = [column for column in columns if column.is_list][:_MOST_COMPARED]
    numbers = [column for column in lists if _are_weights(column)]
    found: dict[Column, Column] = {}
    for column in lists:
        same = [one for one in numbers if one not in found.values() and _as_long(column, one)]
        if same and column not in numbers:
            found[column] = same[0]
    return found


def _are_weights(column: Column) -> bool:
    if not len(column.present) or (numbers := _as_numbers(column.present)) is None:
        return False
    return bool(np.isfinite(numbers).all() and numbers.min() >= 0)


def _as_long(one: Column, other: Column) -> bool:
    """Whether the lists of every row are as long, and not all of them of one length."""
    lengths = [list_lengths(column.values) for column in (one, other)]
    return bool((lengths[0] == lengths[1]).all() and np.ptp(lengths[0]) > 0)


def comes_from(column: Column, lists: Column) -> str:
    """What a column says of another one's lists as a whole, which is not known before they end;
    empty where it says nothing of that kind."""
    if column.is_list:
        return ""
    lengths = list_lengths(lists.lists)
    numbers = column.row_numbers
    if numbers is not None and (numbers == lengths).mean() >= _FROM_LISTS:
        return f"it says how long the list of {lists.column!r} will be"
    owners = np.repeat(np.arange(len(lengths)), lengths)
    elements = lists.lists.flatten()
    same = pc.fill_null(pc.equal(elements, column.values.take(pa.array(owners))), False)
    held = len(np.unique(owners[same.to_numpy(zero_copy_only=False)]))
    if held >= _FROM_LISTS * max(1, len(column.values) - column.values.null_count):
        return f"its value is one of those in {lists.column!r}, perhaps one to come"
    return ""


def keys_of_two(columns: Sequence[Column]) -> tuple[Column, Column] | None:
    """Two columns whose values never come together twice, though by chance they would."""
    found = []
    for one, other in combinations(columns, 2):
        rows = len(one.values)
        expected = rows**2 / 2 * _alike(one.codes) * _alike(other.codes)
        if expected < _BY_CHANCE or (one.codes < 0).any() or (other.codes < 0).any():
            continue
        if len(np.unique(one.codes * (other.codes.max() + 1) + other.codes)) == rows:
            found.append((expected, one, other))
    if not found:
        return None
    _, one, other = max(found, key=lambda pair: pair[0])
    return one, other


def _alike(codes: np.ndarray) -> float:
    """How probable it is that two rows have the same value."""
    shares = np.bincount(codes[codes >= 0]) / max(1, len(codes))
    return float((shares**2).sum())


def holds(lists: Column, target: Column) -> bool:
    """Whether a column's lists are of the target's values: most labels that occur stand in them."""
    if target.is_list or target.followed or target.distinct < _LEAST_SHARED:
        return False
    return covers(lists.elements, target.counted, 0.5)


def covers(one: Counted, other: Counted, least: float) -> bool:
    """Whether so much of what occurs of others are values of `one`."""
    known = pc.is_in(other.values, one.values).to_numpy(zero_copy_only=False)
    return bool(other.counts[known].sum() > least * other.total)
