"""Whether whole numbers are ids, whose order means nothing, or numbers that measure or count."""

from dataclasses import dataclass

import numpy as np

from kinds.looks import names
from kinds.looks.column import Column

_FEW_VALUES = 12
# Codes such as 200, 404 and 500: no more than so many, each in so many rows, and far apart.
_CODES, _OFTEN, _APART = 30, 20, 10
# The least share of different numbers that a float32 tells apart.
_TOLD_APART = 0.5


@dataclass(frozen=True)
class Verdict:
    """Above 0 the numbers are ids, below they are numbers. What speaks for either, in words."""

    weight: float
    of_ids: str
    of_numbers: str

    @property
    def are_ids(self) -> bool:
        return self.weight > 0


def verdict(column: Column) -> Verdict | None:
    """None where the values are not whole numbers."""
    if column.said == "id":
        return Verdict(9.0, "ids, as was said", "")
    if column.has_leading_zeros and column.form is not None:
        return Verdict(9.0, "numbers with leading zeros", "")
    if not column.is_whole:
        return None
    found = [sign for sign in _signs(column) if sign[0]]
    ids = [said for weight, said in found if weight > 0]
    numbers = [said for weight, said in found if weight < 0]
    # Without a sign numbers are numbers.
    return Verdict(sum(w for w, _ in found) - 0.5, ", ".join(ids), ", ".join(numbers))


def _signs(column: Column) -> list[tuple[float, str]]:
    """(weight, words): above 0 for ids, below for numbers."""
    name, numbers = column.column, column.plain_numbers
    assert numbers is not None
    signs: list[tuple[float, str]] = []
    if names.says_count(name):
        signs.append((-3, "a name of counts"))
    elif names.says_id(name):
        signs.append((4, "a name of ids"))
    elif names.says(name, names.AMOUNTS):
        signs.append((-3, "a name of amounts"))
    elif names.says(name, names.CALENDAR):
        signs.append((1, "a part of the calendar"))
    elif names.says_thing(name):
        signs.append((2, "a name of things"))
    elif names.ends_in_amount(name):
        signs.append((-2, "a name of amounts"))
    if _are_beyond_float32(numbers, column.distinct):
        signs.append((3, "the network's float32 does not tell most of them apart"))
    if numbers.min() < 0:
        signs.append((-4, "numbers below 0"))
    if _are_years(numbers):
        signs.append((-3, "years"))
    if column.is_round:
        signs.append((-2, "round numbers are more frequent"))
    if _are_codes(column, numbers):
        signs.append((2, "few numbers far apart, all with as many digits, each of them often"))
    if column.distinct > _FEW_VALUES:
        signs += _of_many(column, numbers)
    if column.smooth is not None and column.smooth >= 0.6:
        signs.append((-2, "the target follows their order"))
    elif column.smooth is not None and column.smooth <= 0.3:
        signs.append((2, "the target does not follow their order"))
    return signs


def _of_many(column: Column, numbers: np.ndarray) -> list[tuple[float, str]]:
    signs: list[tuple[float, str]] = []
    again = column.counted.total / column.distinct
    if column.roughness is not None and column.roughness > 0.5 and not column.is_round:
        signs.append((1.5, "neighbouring numbers occur differently often"))
    elif column.roughness is not None and column.roughness < 0.2:
        signs.append((-1.5, "neighbouring numbers occur about equally often"))
    spread = float(np.ptp(numbers)) + 1
    if numbers.min() >= 1000 and len({len(str(int(one))) for one in numbers[:1000]}) == 1:
        signs.append((0.5, "all with as many digits"))
    if len(numbers) >= 50 and again >= 2 and len(numbers) > 0.98 * spread:
        signs.append((1, "no gaps up to the highest"))
    if len(numbers) >= 50 and again >= 2 and spread > 50 * len(numbers) and not column.is_round:
        signs.append((1, "few of very many numbers, again and again"))
    return signs


def _are_beyond_float32(numbers: np.ndarray, distinct: int) -> bool:
    if np.abs(numbers).max() > np.finfo(np.float32).max:
        return False
    return len(np.unique(numbers.astype(np.float32))) < _TOLD_APART * distinct


def _are_codes(column: Column, numbers: np.ndarray) -> bool:
    """Whether numbers are like those of a list of codes, not like sizes, steps or doublings."""
    often = 2 < column.distinct <= _CODES and column.counted.total >= _OFTEN * column.distinct
    if not often or numbers.min() < 100 or _are_years(numbers):
        return False
    lengths = {len(str(int(one))) for one in numbers}
    far = np.ptp(numbers) + 1 >= _APART * len(numbers)
    return bool(
        far and len(lengths) == 1 and np.gcd.reduce(np.diff(np.sort(numbers)).astype(int)) == 1
    )


def _are_years(numbers: np.ndarray) -> bool:
    return bool(numbers.min() >= 1850 and numbers.max() <= 2060)
