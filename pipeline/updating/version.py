"""A version: what it was made from, how good it is beside the one before, and what became of it.

It is the file version.json in the version's folder, which stays when the folder is pruned.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from pipeline.failures import Exit, Failure
from pipeline.folders.versions import RECORD

ADOPTED, PUBLISHED, REFUSED = "adopted", "published", "refused"


@dataclass(frozen=True)
class Version:
    """What is known of one version.

    parent: the version that it goes on from
    decision: whether it was published, and `why`; `rolled_back` says since when it is not served
    at: when that was decided
    made_from: a hash of the parent, the rows and the settings
    model: SHA-256 of the file
    inputs: every file of rows with its fingerprint; `new` are those that the parent did not have
    left: files of `inputs` that are older than what counts, and need not be there any more
    learn: how much of the network learned on
    rows: the examples of each side, the rejected rows, and those of the new files
    vocabularies: {name: {before, kept, now, size}}
    drift: how far the new rows are from the parent's training rows, as pipeline.drift writes it
    certificate: so many rows gave what Keras gives, to the largest difference
    heads: {head: how the file compares with the parent's on the same held-out rows}
    training: settings of the first version's training, which updates go by
    seconds: what each stage took
    """

    number: int
    decision: str
    at: str
    model: str
    inputs: Mapping[str, str]
    why: str = ""
    parent: int | None = None
    made_from: str = ""
    rolled_back: str | None = None
    new: Sequence[str] = ()
    left: Sequence[str] = ()
    learn: str = "all"
    rows: Mapping[str, int] = field(default_factory=dict)
    vocabularies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)
    certificate: Mapping[str, float] = field(default_factory=dict)
    heads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, float | None] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def may_be_served(self) -> bool:
        return self.decision != REFUSED and self.rolled_back is None

    @property
    def state(self) -> str:
        """
        >>> Version(2, PUBLISHED, "2026-01-05", "", {}, rolled_back="2026-01-06").state
        'rolled back'
        """
        return "rolled back" if self.rolled_back else self.decision

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, source: str) -> Self:
        """Raises Failure 5 where it is not what `to_json` wrote."""
        names = {one.name for one in fields(cls)}
        try:
            said = json.loads(text)
            return cls(**{name: value for name, value in said.items() if name in names})
        except (ValueError, TypeError, AttributeError):
            rule = f"a {RECORD} must be what pipeline.update wrote"
            raise Failure(Exit.INTEGRITY, rule, received=source) from None


def folder_name(number: int) -> str:
    """
    >>> folder_name(7)
    '007'
    """
    return f"{number:03d}"
