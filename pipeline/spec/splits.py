"""Splits: which rows train, which are held out for eval, and which for test."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from kinds.settings import Column, Part, Share, Whole


def _share_or_time(value: Any) -> float | str:
    """A number from 0, below 1, is a share; others are points in time, such as years and steps."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_TIME:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value) if 0 <= value < 1 else str(value)
    raise ValueError("must be a share of the rows or a time")


LONGEST_TIME = 64
ShareOrTime = Annotated[
    float | str, BeforeValidator(_share_or_time, json_schema_input_type=float | str)
]
_FOLD = re.compile(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})")


def _check_shares(eval_share: float, test_share: float, fold: str | None = None) -> None:
    if fold is not None:
        found = _FOLD.fullmatch(fold)
        number, folds = map(int, found.groups()) if found else (0, 0)
        if folds < 2 or number > folds:
            raise ValueError("`fold` must be such as 3/5, the third of five folds, of at least two")
        test_share = 1 / folds
    if eval_share + test_share >= 1:
        raise ValueError("`eval` and `test` must leave rows for training")


def _shares_said(eval_share: float, test_share: float, fold: str | None) -> str:
    """
    >>> _shares_said(0.1, 0.1, None), _shares_said(0.1, 0.1, "3/5")
    ('10% eval, 10% test', '10% eval, fold 3/5 test')
    """
    test = f"fold {fold}" if fold else f"{test_share * 100:.3g}%"
    return f"{eval_share * 100:.3g}% eval, {test} test"


def _listed_said(eval_ones: Sequence[str], test_ones: Sequence[str]) -> str:
    sides = {"eval": eval_ones, "test": test_ones}
    return ", ".join(f"{' '.join(ones)} for {side}" for side, ones in sides.items() if ones)


class HashSplit(Part):
    """Rows with the same values in `columns` go to the same side: train, eval or test."""

    by: Literal["hash"]
    columns: tuple[Column, ...] = Field(min_length=1)
    """The columns that decide; choose what groups rows that belong together, such as a person."""
    eval: Share = 0.1
    """The share of rows that training is evaluated on."""
    test: Share = 0.1
    """The share of rows for the final metrics."""
    fold: str | None = None
    """One of several folds, such as `3/5`: the third fifth is the test side, whatever `test` says.
    Each row is on the test side of one of the five."""

    @model_validator(mode="after")
    def _some_left_for_training(self) -> Self:
        _check_shares(self.eval, self.test, self.fold)
        return self

    def said(self) -> str:
        """How rows are split, in words."""
        shares = _shares_said(self.eval, self.test, self.fold)
        return f"by a hash of {', '.join(self.columns)}: {shares}"


class RowSplit(Part):
    """Each row goes to a side by itself, as if drawn: by a hash of its number in the file and the
    file's name without suffixes.

    What a row holds does not count: equal rows are apart as often as others, and a spec with other
    columns has the same split. For rows that belong together, such as those of a person, take
    `by: hash`.
    """

    by: Literal["row"]
    eval: Share = 0.1
    """The share of rows that training is evaluated on."""
    test: Share = 0.1
    """The share of rows for the final metrics."""
    fold: str | None = None
    """One of several folds, such as `3/5`: the third fifth is the test side, whatever `test` says.
    Each row is on the test side of one of the five."""

    @model_validator(mode="after")
    def _some_left_for_training(self) -> Self:
        _check_shares(self.eval, self.test, self.fold)
        return self

    def said(self) -> str:
        """How rows are split, in words."""
        return f"row by row: {_shares_said(self.eval, self.test, self.fold)}"


class ColumnSplit(Part):
    """The value of one column decides the side; rows with a value that is not listed train.

    Each listed value must occur in a row; otherwise prepare ends with exit code 2.
    """

    by: Literal["column"]
    column: Column
    """The column that decides."""
    eval: tuple[str, ...] = Field(min_length=1)
    """Its values for the rows that training is evaluated on."""
    test: tuple[str, ...] = ()
    """Its values for the rows of the final metrics."""

    @model_validator(mode="after")
    def _no_value_twice(self) -> Self:
        if both := set(self.eval) & set(self.test):
            raise ValueError(f"a value cannot be in `eval` and in `test`: {sorted(both)}")
        return self

    def said(self) -> str:
        """How rows are split, in words."""
        return f"by the values of {self.column}: {_listed_said(self.eval, self.test)}"


class FileSplit(Part):
    """The file's name decides the side; files that match no pattern train.

    Each pattern must match a file; otherwise prepare ends with exit code 2.
    """

    by: Literal["file"]
    eval: tuple[str, ...] = Field(min_length=1)
    """Patterns for the names of the files that training is evaluated on."""
    test: tuple[str, ...] = ()
    """Patterns for the names of the files for the final metrics."""

    def said(self) -> str:
        """How rows are split, in words."""
        return f"by the files' names: {_listed_said(self.eval, self.test)}"


class TimeSplit(Part):
    """The oldest rows train, then come those of eval, and the newest are those of test.

    Times are ISO days and times, or numbers such as years, steps or Unix seconds. Rows with the
    same time are on the same side, so a share is met as nearly as that allows.
    """

    by: Literal["time"]
    column: Column
    """The column that says when; a row without a time in it is rejected."""
    eval: ShareOrTime = 0.1
    """The share of rows that training is evaluated on, or the time with which they begin, such as
    `2024-01-01`. `2023` is a number, and among days the first of that year. A number from 0, below
    1, is a share."""
    test: ShareOrTime = 0.1
    """The same for the rows of the final metrics. 0 for none."""
    begins: tuple[str, ...] = Field(default=(), max_length=2)
    """The times with which eval and test begin. prepare finds and writes them; what a spec says
    here is not read."""

    @model_validator(mode="after")
    def _shares_or_times(self) -> Self:
        if isinstance(self.eval, str):
            if self.test != 0 and not isinstance(self.test, str):
                raise ValueError("`test` must be a time, too, or 0, where `eval` is a time")
        elif isinstance(self.test, str):
            raise ValueError("`eval` must be a time, too, where `test` is a time")
        else:
            _check_shares(self.eval, self.test)
        return self

    def said(self) -> str:
        """How rows are split, in words."""
        begins = self.begins or (self.eval, self.test)
        sides = [f"{side} from {at}" for side, at in zip(("eval", "test"), begins, strict=False)]
        return f"by the time in {self.column}: {', '.join(sides)}"


class LastSplit(Part):
    """The last rows of each group, such as a person, are held out: the very last for test, those
    before them for eval. At least one row of each group trains.

    Of rows with the same time, the one that comes later in the files is the later one.

    Without `columns` and `order` the elements of the list that heads are `next_of` are held out:
    the last one is a target for test, the one before it a target for eval, and those before train.
    A list of four elements or more is on all three sides. One of three is on train and test, a
    shorter one on train alone.
    """

    by: Literal["last"]
    columns: tuple[Column, ...] = ()
    """The columns that say whose row it is."""
    order: Column | None = None
    """The column that says when: times as in `by: time`."""
    eval: Whole = 1
    """How many rows of each group training is evaluated on."""
    test: Whole = 1
    """How many rows of each group are for the final metrics."""

    @model_validator(mode="after")
    def _order_is_another_column(self) -> Self:
        if self.order in self.columns:
            raise ValueError("`order` must not be one of `columns`")
        if bool(self.columns) != (self.order is not None):
            raise ValueError(
                "`columns` and `order` go together; without both, elements of the list that a head "
                "is `next_of` are held out"
            )
        if self.of_elements and max(self.eval, self.test) > 1:
            raise ValueError("one element is held out for `eval` and one for `test`: 0 or 1 each")
        return self

    @property
    def of_elements(self) -> bool:
        """Whether elements of a list are held out, not rows."""
        return self.order is None

    def said(self) -> str:
        """How rows are split, in words."""
        if self.of_elements:
            ends = [side for side, count in (("eval", self.eval), ("test", self.test)) if count]
            return f"by the last elements of each list: one for {' and one for '.join(ends)}"
        whose = ", ".join(self.columns)
        sides = f"the last {self.test} for test, the {self.eval} before for eval"
        return f"by the order of each {whose} in {self.order}: {sides}"


Split = Annotated[
    HashSplit | RowSplit | ColumnSplit | FileSplit | TimeSplit | LastSplit,
    Field(discriminator="by"),
]
