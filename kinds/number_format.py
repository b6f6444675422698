"""The setting that says how the numbers of a column are written. Pydantic only."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from kinds.settings import Part

Sign = Annotated[str, StringConstraints(pattern=r"^[^0-9+%\s.,'_-]+\.?$", max_length=8)]


class NumberFormat(Part):
    """How the cells of text of a number are written: 1.234,50 € is
    `{decimal: ",", thousands: ".", currency: "€"}`. A cell need not have all of it, but 1.5 is no
    number there: groups of digits have three of them, or two before the last. Numbers of Parquet
    are what they are."""

    decimal: Literal[".", ","] = "."
    """What stands before the decimals."""
    thousands: Literal[".", ",", " ", "'", "_"] | None = None
    """What may stand between groups of digits. A space stands for narrow and fixed ones, too."""
    percent: bool = False
    """Whether a % may stand behind a number; the number is a hundredth then, so 12 % is 0.12."""
    currency: Sign | None = None
    """What may stand before or behind a number, such as `€` or `USD`."""

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` must be two marks")
        return self
