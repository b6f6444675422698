"""The settings of a category."""

from typing import Literal

from kinds.inputs.ids.spec import IdsPart
from kinds.inputs.part import Key


class Category(IdsPart):
    """One value of a vocabulary."""

    kind: Literal["category"] = "category"

    def keys(self, name: str) -> dict[str, Key]:
        return {"": Key(name, self.vocabulary)}
