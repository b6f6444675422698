"""Charts and tables as values: all that the report's template needs to draw them.

Points come in the data's units and go out in those of a box of WIDTH x HEIGHT. Standard library
only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 42
TICKS = 5


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, evenly or by logarithm. `percent` is how ticks are written, `whole`
    keeps them to whole numbers."""

    label: str
    low: float
    high: float
    log: bool = False
    percent: bool = False
    whole: bool = False

    def share(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`.

        >>> Axis("", 1, 100, log=True).share(10)
        0.5
        """
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(max(value, 1e-300)), math.log10(low), math.log10(high)
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Round values with their text.

        >>> Axis("", 0, 1, percent=True).ticks()[:3]
        [(0.0, '0 %'), (0.2, '20 %'), (0.4, '40 %')]
        >>> Axis("", 1, 2000, log=True).ticks()
        [(1.0, '1'), (10.0, '10'), (100.0, '100'), (1000.0, '1,000')]
        """
        values = self._decades() if self.log else _steps(self.low, self.high, self.whole)
        return [(value, self._text(value)) for value in values]

    def _decades(self) -> list[float]:
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        step = max(1, -(-(last - first) // TICKS))
        return [10.0**power for power in range(first, last + 1, step)]

    def _text(self, value: float) -> str:
        return f"{100 * value:.4g} %" if self.percent else number(value)


def size(count: float) -> str:
    """
    >>> size(8_210_385)
    '8.2 MB'
    """
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def percent(share: float, digits: int = 1) -> str:
    """
    >>> percent(0.1234)
    '12.3 %'
    """
    return f"{100 * share:.{digits}f} %"


def counted(count: int, word: str) -> str:
    """
    >>> counted(1, "head"), counted(1200, "row"), counted(0, "entry"), counted(1, "new row")
    ('1 head', '1,200 rows', '0 entries', '1 new row')
    """
    if count == 1:
        return f"1 {word}"
    return f"{count:,} {word.removesuffix('y')}ies" if word.endswith("ry") else f"{count:,} {word}s"


def rounded(value: float) -> str:
    """A metric amid words: four digits, or all before the point.

    >>> rounded(0.123456), rounded(4012.4), rounded(15_121_121.9)
    ('0.1235', '4012', '15,121,122')
    """
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def figure(value: float) -> str:
    """A metric, or how many there are, with no more digits than anybody reads.

    >>> figure(0.123456), figure(12_345.678), figure(12_345)
    ('0.1235', '12,345.7', '12,345')
    """
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if abs(value) < 1_000 else f"{value:,.1f}"


@dataclass(frozen=True)
class Series:
    """Points of one kind. `mark` is line, dots or both."""

    name: str
    points: Sequence[tuple[float, float]]
    mark: str = "line"


@dataclass(frozen=True)
class Chart:
    """One picture. `bars` are upright lines at an x with a word, `even` draws x = y."""

    macro: ClassVar = "chart"

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    bars: Sequence[tuple[float, str]] = ()
    even: bool = False
    note: str = ""

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the data as a point of the box."""
        across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return (
            round(LEFT + across * self.x.share(x), 1),
            round(TOP + up * (1 - self.y.share(y)), 1),
        )

    def path(self, series: Series) -> str:
        """The line through the points, as SVG writes one."""
        places = [self.at(x, y) for x, y in series.points]
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in places) if places else ""

    def table(self) -> list[tuple[str, str, str]]:
        """The data: a line for each point, with the name of its series."""
        return [
            (series.name, self._cell(self.x, x), self._cell(self.y, y))
            for series in self.series
            for x, y in series.points
        ]

    def _cell(self, axis: Axis, value: float) -> str:
        return percent(value) if axis.percent else number(value)


@dataclass(frozen=True)
class Bars:
    """A table whose first number is also drawn: (word, share of the longest, cells)."""

    macro: ClassVar = "bars"

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, float, tuple[str, ...]]]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts, the last cell of each row a number."""

    macro: ClassVar = "table"

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str | int, ...]]


# `macro` is the one of templates/charts.html that draws the figure.
Figure = Chart | Bars | Table


def spanning(
    label: str,
    values: Sequence[float],
    *,
    log: bool = False,
    percent: bool = False,
    whole: bool = False,
) -> Axis:
    """An axis with room for all the values."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = min(finite, default=1.0), max(finite, default=1.0)
    if log:
        return Axis(label, low, high if high > low else 10 * low, log=True, percent=percent)
    room = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    floor = 0.0 if low >= 0 and low <= room else low - room
    return Axis(label, floor, high + room, percent=percent, whole=whole)


def number(value: float) -> str:
    """
    >>> number(12345), number(0.01234), number(3.0), number(1.5e-7)
    ('12,345', '0.01234', '3', '1.5e-07')
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def _steps(low: float, high: float, whole: bool) -> list[float]:
    rough = max((high - low) / TICKS, 1.0 if whole else 0.0)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= 0.999 * rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(at * step, 12) for at in range(first, last + 1)]
