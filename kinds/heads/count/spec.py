"""The settings of a count head."""

from typing import Literal

from kinds.heads.numbers.spec import NumberPart


class Counts(NumberPart):
    """A count, by a Poisson loss with a logarithmic link. `<head>.value` is the mean that is
    expected."""

    kind: Literal["count"] = "count"
