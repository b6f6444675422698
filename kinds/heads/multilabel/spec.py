"""The settings of a multilabel head."""

from typing import ClassVar, Literal

from kinds.heads.labels.spec import LabelsPart
from kinds.settings import Separator


class Multilabel(LabelsPart):
    """Any number of labels of a vocabulary, by a sigmoid for each. A score lists the likeliest
    labels in `<head>.labels`, best first, and the probability of each in `<head>.scores`."""

    PREPARED: ClassVar = LabelsPart.PREPARED | {"separator"}

    kind: Literal["multilabel"] = "multilabel"
    separator: Separator = " "
    """What separates the labels if the column holds text."""
