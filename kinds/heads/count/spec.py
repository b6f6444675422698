"""The settings of a count head."""

from typing import Literal

from kinds.heads.numbers.spec import MeasuredPart


class Counts(MeasuredPart):
    """A count, by a Poisson loss with a logarithmic link. `<head>.value` is the mean that is
    expected."""

    kind: Literal["count"] = "count"
