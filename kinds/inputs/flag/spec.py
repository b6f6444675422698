"""The settings of a flag."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from kinds.inputs.keys import Key
from kinds.inputs.numbers.naming import missing_flag
from kinds.inputs.part import InputPart


class Flag(InputPart):
    """Yes or no, without a vocabulary: the network reads 1 or 0. `1`, `true`, `yes`, `t` and `y`
    are yes, `0`, `false`, `no`, `f` and `n` are no, in upper case too, and so are the words of
    German, French, Spanish, Italian, Dutch and Portuguese, such as `ja` and `nein`; other text
    makes the row bad.

    A missing one is 0, and a second feature says so. With `missing: reject` the row is bad instead,
    and there is no such feature. For example `paid: {kind: flag, column: was paid}`.
    """

    PREPARED: ClassVar = frozenset({"kind", "missing"})

    kind: Literal["flag"] = "flag"
    missing: Literal["reject"] | None = None
    """`reject` makes a row without a value bad."""

    @property
    def says_missing(self) -> bool:
        """Whether a second feature says where the flag is missing."""
        return self.missing is None

    def lookup(self, name: str) -> None:
        return None

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        """0, 1, or 2 where it is missing."""
        if not self.says_missing:
            return {"": Key(name, 2)}
        return {"": Key(name, 3, missing=2, missing_flag=missing_flag(name))}
