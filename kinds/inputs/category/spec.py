"""The settings of a category."""

from collections.abc import Mapping
from typing import Literal

from kinds.inputs.ids.spec import IdsPart
from kinds.inputs.keys import Key


class Category(IdsPart):
    """One value of a vocabulary."""

    kind: Literal["category"] = "category"

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        return {"": self.key(name, entries)}
