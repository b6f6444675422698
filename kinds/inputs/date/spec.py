"""The settings of a date."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds.datetimes import Format
from kinds.inputs.keys import Key
from kinds.inputs.number.spec import Number
from kinds.inputs.part import InputPart, Lookup
from kinds.settings import Count

Piece = Literal["year", "month", "day", "weekday", "hour", "days"]
Way = Literal["ids", "cyclic", "number"]

FIRST_YEAR, LAST_YEAR = 1900, 2099
# How many values each part of the calendar has. Two years stand for all before and all after.
SIZES = {"year": LAST_YEAR - FIRST_YEAR + 3, "month": 12, "day": 31, "weekday": 7, "hour": 24}
_WAYS: Mapping[Piece, Way] = {
    "year": "ids",
    "month": "cyclic",
    "day": "cyclic",
    "weekday": "ids",
    "hour": "cyclic",
    "days": "number",
}


class Date(InputPart):
    """A day or a point in time, as some of its `parts`: `year`, `month`, `day` of the month,
    `weekday`, `hour`, and `days`, a count of days that tells late rows from early ones. Hours are
    as the cell has them; if it has a time zone, they are those of UTC.

    A list of parts reads each in its usual way: `month`, `day` and `hour` on a circle, `weekday`
    and `year` as ids, `days` as a number. Or say the way for each part:
    `when: {kind: date, parts: {month: ids, hour: cyclic, days: number}}`. With `ids` each value of
    a part has an embedding. `cyclic` gives the sine and the cosine of its place on the circle, so
    that hour 23 is next to hour 0. `number`, for `days` alone, is standardised; `days: ids` is cut
    at quantiles. The years from 1900 to 2099 have ids of their own.

    A missing date has an id of its own and is the centre of the circle, and beside its number a
    second feature says that it is missing. With `missing: reject` the row is bad instead.
    """

    PREPARED: ClassVar = frozenset({"kind", "format", "parts", "buckets", "missing"})

    kind: Literal["date"] = "date"
    format: Format = "iso"
    """How a text is read. `iso` is 2024-01-31, 2024-01-31 18:30 or 2024-01-31T18:30:00.5+01:00; in
    the forms with D, M and Y a year has four digits, and a time of day may follow (`18:30`,
    `6:30 PM`); in `D Mon Y` and `Mon D Y` the month is an English word or its first three letters:
    31-Jan-2024, January 31, 2024, 10/Oct/2000:13:55:36 -0700; `seconds` and `milliseconds` count
    from 1970. Dates and timestamps of Parquet need none."""
    parts: (
        Annotated[tuple[Piece, ...], Field(min_length=1)]
        | Annotated[dict[Piece, Way], Field(min_length=1)]
    ) = ("month", "weekday", "hour", "days")
    """What is read of the date."""
    buckets: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """The number of intervals, each with as many rows, for `days: ids`."""
    embedding: Count = 8
    """The size of the embedding of each id."""
    missing: Literal["reject"] | None = None
    """`reject` makes a row without a date bad."""

    @model_validator(mode="after")
    def _parts_are_possible(self) -> Self:
        if len(self.ways) < len(self.parts):
            raise ValueError("`parts` must name each part once")
        for piece, way in self.ways.items():
            if way == "number" and piece != "days":
                raise ValueError(f"`{piece}: number` cannot be: only `days` are a number")
            if way == "cyclic" and piece in ("year", "days"):
                raise ValueError(f"`{piece}: cyclic` cannot be: {piece} never come round again")
        if (self.ways.get("days") == "ids") != (self.buckets is not None):
            raise ValueError("`days: ids` and the number of `buckets` go together")
        return self

    @property
    def ways(self) -> dict[Piece, Way]:
        """Each part, and how the network reads it."""
        if isinstance(self.parts, dict):
            return self.parts
        return {piece: _WAYS[piece] for piece in self.parts}

    def calendar(self) -> list[Piece]:
        """The parts that are ids of the calendar, whatever the network does with them."""
        return [piece for piece in self.ways if piece in SIZES]

    def days(self) -> Number:
        """The days as the input that they would be alone: a number, or its buckets."""
        if self.buckets is None:
            return Number(missing=self.missing)
        return Number(scale="buckets", buckets=self.buckets, embedding=self.embedding)

    def sizes(self) -> dict[Piece, int]:
        """The parts that are embedded, and how many ids each has, the last for a missing date."""
        counts = {**SIZES, "days": self.buckets or 0}
        return {piece: counts[piece] + 1 for piece, way in self.ways.items() if way == "ids"}

    def lookup(self, name: str) -> Lookup | None:
        if not (sizes := self.sizes()):
            return None
        return Lookup(f"{name}.parts", self.embedding, rows=sum(sizes.values()))

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        """The parts that are ids, each with one for a missing date."""
        sizes: dict[Piece, int] = {piece: SIZES[piece] for piece in self.calendar()}
        if self.buckets is not None:
            sizes["days"] = self.buckets
        return {
            piece: Key(feature_of(name, piece), size + 1, missing=size)
            for piece, size in sizes.items()
        }


def feature_of(name: str, piece: Piece) -> str:
    """The feature of a part of the input called `name`."""
    return f"{name}.{piece}"
