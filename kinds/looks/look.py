"""A look: what a kind makes of a column of rows, how sure it is, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Look:
    """What a column may be: how sure that is, from 0 to 1, why, and what speaks against it.

    `settings` are those of a spec that follow; `more` has those of further parts over the same
    column, by the end of their names. `of_elements` says that a vocabulary is of a list's elements,
    not of whole texts, and `of_next` that a head's labels are the next elements of lists that are
    an input, too; `missing_words` are what cells hold where there is no value. `otherwise` says
    what to write if the column is something else. Where `each` is set, each of the values also
    stands for itself, as those of a vocabulary do.
    """

    sure: float
    reason: str
    against: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_elements: bool = False
    of_next: bool = False
    missing_words: tuple[str, ...] = ()
    otherwise: str = ""
    each: bool = False


def best(looks: Sequence[Look | None]) -> Look | None:
    """The surest of the looks that there are."""
    return max((look for look in looks if look), key=lambda look: look.sure, default=None)
