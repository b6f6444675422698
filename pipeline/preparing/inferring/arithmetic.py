"""Numbers computed from other columns: sums, differences, means, products and ratios of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinds.looks.column import Column

# Looked at are so many rows, and columns that have a number in nearly all of them.
_ROWS, _MOST_COLUMNS, _NEARLY_ALL = 2_000, 100, 0.98
_ENOUGH, _ROWS_OF_A_COLUMN = 50, 5
# Of a number's spread, what rounding may make; a few rows may be wrong.
_ROUNDED, _IN_ROWS = 0.01, 0.97
_ALIKE = 0.02


@dataclass(frozen=True)
class Formula:
    """A number computed from at least two columns. `adds` and `takes` are added and taken away, or
    multiplied and divided by."""

    adds: tuple[Column, ...]
    takes: tuple[Column, ...]
    is_product: bool = False

    @property
    def is_sum(self) -> bool:
        return not self.takes and not self.is_product

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.adds + self.takes

    def __str__(self) -> str:
        """But for a factor that is the same in all rows."""
        plus, minus = (" * ", " / ") if self.is_product else (" + ", " - ")
        first = plus.join(repr(column.column) for column in self.adds)
        rest = "".join(f"{minus}{column.column!r}" for column in self.takes)
        return f"{first or 1}{rest}"


def formula(whole: np.ndarray, columns: Sequence[Column]) -> Formula | None:
    """How the numbers of the sample's rows are computed from columns, but for rounding and mistakes
    in a few rows; None where they are not. Products are sums of logarithms."""
    there = np.flatnonzero(np.isfinite(whole))
    rows = there[np.linspace(0, len(there) - 1, min(_ROWS, len(there))).astype(int)]
    numbers = {
        column: column.row_numbers[rows]
        for column in columns[:_MOST_COLUMNS]
        if column.row_numbers is not None
    }
    if found := _sum(whole[rows], numbers):
        return Formula(*found)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = {column: np.log(own) for column, own in numbers.items()}
        found = _sum(np.log(whole[rows]), logarithms)
    return Formula(*found, is_product=True) if found else None


def _sum(
    whole: np.ndarray, numbers: Mapping[Column, np.ndarray]
) -> tuple[tuple[Column, ...], tuple[Column, ...]] | None:
    """Columns that all count alike in a sum or a difference: those added, and those taken away."""
    known = [c for c, own in numbers.items() if np.isfinite(own).mean() >= _NEARLY_ALL]
    table = np.stack([numbers[column] for column in known] + [whole])
    table = table[:, np.isfinite(table).all(axis=0)]
    spread = table.std(axis=1)
    varies = np.flatnonzero(spread[:-1] > 0)
    if table.shape[1] < max(_ENOUGH, _ROWS_OF_A_COLUMN * len(known)) or not spread[-1]:
        return None
    table = table - table.mean(axis=1, keepdims=True)

    def weights(of: Sequence[int]) -> np.ndarray | None:
        """Of the columns, if these give the whole."""
        own = np.vstack([table[of] / spread[of, None], np.ones(table.shape[1])]).T
        fits = np.full(len(own), True)
        for _ in range(2):
            found = np.linalg.lstsq(own[fits], table[-1, fits], rcond=1e-9)[0]
            off = abs(own @ found - table[-1])
            most = np.quantile(off, _IN_ROWS)
            fits = off <= most
        return found[:-1] / spread[of] if most <= _ROUNDED * spread[-1] else None

    left = [*varies]
    if len(left) < 2 or (found := weights(left)) is None:
        return None
    # Those that count least go first, if the others give the whole without them.
    for column in [left[at] for at in np.argsort(abs(found * spread[left]))]:
        others = [one for one in left if one != column]
        if others and (without := weights(others)) is not None:
            left, found = others, without
    if len(left) < 2 or np.ptp(abs(found)) > _ALIKE * abs(found).max():
        return None
    named = [(known[column], weight > 0) for column, weight in zip(left, found, strict=True)]
    adds = tuple(column for column, plus in named if plus)
    takes = tuple(column for column, plus in named if not plus)
    return adds, takes
