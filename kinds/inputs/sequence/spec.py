"""The settings of a sequence."""

from typing import Literal

from kinds.inputs.several.spec import SeveralPart
from kinds.settings import Separator


class Sequence(SeveralPart):
    """A list of values of a vocabulary. The last `length` values count; shorter lists are padded on
    the left."""

    kind: Literal["sequence"] = "sequence"
    separator: Separator = " "
    """What separates the values if the column holds text."""
