"""Looks of a column of rows: yes or no, numbers, texts, lists, how sure each is, and why.

For a first spec (`--infer`). A kind of input or head takes the look that suits it. NumPy and
pyarrow only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field, cast

LONGEST = 50
_FLAGS = {frozenset(pair) for pair in (("0", "1"), ("0.0", "1.0"), ("f", "t"), ("n", "y"))} | {
    frozenset(pair) for pair in (("false", "true"), ("no", "yes"))
}
# Formats of dates that can be told from other values, how surely, and how they begin. Numbers of
# seconds cannot, and days before months only where a day is beyond 12.
_DATES = {
    "iso": (0.97, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "YMD": (0.85, r"^(19|20)[0-9]{6}$"),
    "Y/M/D": (0.95, r"^[0-9]{4}/"),
    "D.M.Y": (0.95, r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}"),
    "D/M/Y": (0.6, r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"),
    "M/D/Y": (0.6, r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"),
}


@dataclass(frozen=True)
class Look:
    """What a column may be: how sure that is, from 0 to 1, and why.

    `missing` and `distinct` count its values, of lists their elements. `settings` are those of a
    spec that follow. `groups` says that rows of one value may belong together.
    """

    sure: float
    reason: str
    missing: float
    distinct: int
    groups: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def written(self, **settings: Any) -> "Look":
        """The same with the settings of a kind."""
        return replace(self, settings=settings)


def _date(form: str, times: pa.Array) -> Mapping[str, Any]:
    """The settings of a date; the hour only where there are times of day."""
    has_hours = bool((times.cast(pa.int64()).to_numpy() % 86_400).any())
    settings: dict[str, Any] = {"format": form} if form != "iso" else {}
    return settings | ({} if has_hours else {"parts": "[month, weekday, days]"})


@dataclass(frozen=True, eq=False)
class Column:
    """Texts or lists of texts. `name` is what the spec calls it, `column` what the rows do."""

    name: str
    column: str
    values: pa.Array

    @cached_property
    def flag(self) -> Look | None:
        """Two values that say yes and no."""
        if self.is_list or frozenset(v.lower() for v in self._some) not in _FLAGS:
            return None
        return self.look(0.95, "two values that say yes and no")

    @cached_property
    def number(self) -> Look | None:
        """Numbers, by their logarithm where a few are far above the others."""
        if self.numbers is None or self._has_leading_zeros:
            return None
        low, mean, median = (f(self.numbers) for f in (np.min, np.mean, np.median))
        if low >= 0 and mean > 2 * max(float(median), 1e-9):
            said = "numbers from 0 up, a few of them far above the others"
            return self.look(0.8, said, settings={"scale": "log"})
        return self.look(0.8, "numbers")

    @cached_property
    def date(self) -> Look | None:
        """Days or points in time, all written in one way that hardly anything else is."""
        if self.is_list:
            return None
        batch = pa.RecordBatch.from_arrays([self.present], names=["x"])
        for form, (surely, pattern) in _DATES.items():
            if self.distinct < 2 or not self.all_match(pattern):
                continue
            typed, _, bad = cast(batch, [Field("x", "date", dates=form)])
            if not bad:
                return self.look(surely, f"dates, {form}", settings=_date(form, typed.column(0)))
        return None

    @cached_property
    def text(self) -> Look | None:
        """Texts that stand for themselves: surely so where they are ids."""
        if self.is_list:
            return None
        if self.distinct == 1:
            return self.look(0.9, "one value or none", groups=True)
        if self.is_whole and re.search(r"(^|[ _])id$", self.column.lower()):
            return self.look(0.9, "whole numbers, ids by the column's name", groups=True)
        zeros = self.numbers is not None and self._has_leading_zeros
        return self.look(0.5, "numbers with leading zeros" if zeros else "text", groups=True)

    @cached_property
    def elements(self) -> Look | None:
        """Lists, or texts of words that come again and again."""
        if self.is_list:
            return self._elements(self.values, 1.0, "lists")
        words = pc.split_pattern(self.present, " ").flatten()
        repeated = pc.count_distinct(words).as_py() < len(words) / 2
        if len(words) <= 3 * len(self.present) or not repeated:
            return None
        said = "words with spaces between them that come again and again"
        return self._elements(pc.split_pattern(self.values, " "), 0.7, said)

    @property
    def is_list(self) -> bool:
        return bool(pa.types.is_list(self.values.type))

    @cached_property
    def present(self) -> pa.Array:
        """The texts that are there, or the elements of all lists."""
        if self.is_list:
            return self.values.flatten()
        present = self.values.drop_null()
        return present.filter(pc.not_equal(present, ""))

    @cached_property
    def distinct(self) -> int:
        return int(pc.count_distinct(self.present).as_py())

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The texts as numbers, where all of them are."""
        batch = pa.RecordBatch.from_arrays([self.present], names=["x"])
        typed, _, bad = cast(batch, [Field("x", "number")])
        return None if bad else typed.column(0).to_numpy()

    @cached_property
    def is_whole(self) -> bool:
        """Whether all texts are whole numbers."""
        is_number = self.numbers is not None and not self._has_leading_zeros
        return is_number and not self._any("[.eE]")

    @property
    def is_rising(self) -> bool:
        """Whether all texts are numbers, each above the one before."""
        return self.numbers is not None and bool((np.diff(self.numbers) > 0).all())

    def all_match(self, pattern: str) -> bool:
        """Whether all texts match a regular expression."""
        return bool(pc.all(pc.match_substring_regex(self.present, pattern)).as_py())

    def _any(self, pattern: str) -> bool:
        return bool(pc.any(pc.match_substring_regex(self.present, pattern)).as_py())

    @cached_property
    def _has_leading_zeros(self) -> bool:
        return self._any("^0[0-9]")

    @property
    def _some(self) -> list[str]:
        some: list[str] = self.present.unique()[:3].to_pylist()
        return some

    def look(self, sure: float, reason: str, **further: Any) -> Look:
        """What its texts may be."""
        missing = 1 - len(self.present) / len(self.values)
        return Look(sure, reason, missing, self.distinct, **further)

    def _elements(self, lists: pa.Array, sure: float, reason: str) -> Look:
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
        length = min(LONGEST, max(1, int(np.quantile(lengths, 0.95))))
        why = f"{reason}; 95 % have at most {length} elements" if length < LONGEST else reason
        distinct = pc.count_distinct(lists.flatten().drop_null()).as_py()
        missing = float((lengths == 0).mean())
        return Look(sure, why, missing, distinct, settings={"length": length})
