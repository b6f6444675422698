"""The settings of a multilabel head."""

from typing import ClassVar, Literal

from kinds.heads.labels.spec import LabelsPart
from kinds.settings import Separator


class Multilabel(LabelsPart):
    """Any number of labels of a vocabulary: one sigmoid each."""

    PREPARED: ClassVar = LabelsPart.PREPARED | {"separator"}

    kind: Literal["multilabel"] = "multilabel"
    separator: Separator = " "
    """What stands between the labels where the column holds text."""
