"""The settings of a category."""

from typing import Literal

from kinds.inputs.ids.spec import IdsPart


class Category(IdsPart):
    """One value of a vocabulary."""

    kind: Literal["category"] = "category"
