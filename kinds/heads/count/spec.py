"""The settings of a count head."""

from typing import ClassVar, Literal

from kinds.heads.numbers.spec import MeasuredPart
from kinds.heads.part import Link


class Counts(MeasuredPart):
    """A count, by a Poisson loss with a logarithmic link. `<head>.value` is the mean that is
    expected."""

    METRICS: ClassVar = ("mean_absolute_error", "deviance")

    kind: Literal["count"] = "count"

    def link(self) -> Link:
        return "log"
