"""Values that an input's vocabulary or a memory does not hold, counted while rows are scored.

The file looks every value up anyway, and its ids tell: the one after the vocabulary's stands for
any other value, the next one for a missing one. So do the places of values in a memory, where the
one after its last value stands for none of them. Numpy only.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from kinds import tensors
from kinds.inputs.ids.numbering import missing_id

# So much greater a share than at most on a side of the split is no chance, and no new day's rows.
FAR_ABOVE = 0.1
# No input can be called so.
MEMORY = "memory."


@dataclass(frozen=True)
class Usual:
    """What the split says of an input: the size of its vocabulary, and the greatest share of values
    beyond it that a side had."""

    size: int
    share: float


@dataclass(frozen=True)
class Remembered:
    """A memory in the file: the tensor with the place of each row's value, how many values it
    has, and the share of training rows whose value other training rows have, too."""

    place: str
    size: int
    known: float


@dataclass
class UnknownValues:
    """How many values each input had, missing ones aside, and how many of them are unknown; and the
    same of the rows of each memory, under its name behind MEMORY."""

    values: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(
        self, usual: Mapping[str, Usual], parts: Iterable[Mapping[str, np.ndarray]]
    ) -> "UnknownValues":
        """Counts the ids among some tensors."""
        for part in parts:
            for name, known in usual.items():
                ids = part.get(tensors.ids(name))
                if ids is not None:
                    self.values[name] += int((ids != missing_id(known.size)).sum())
                    self.unknown[name] += int((ids == known.size).sum())
        return self

    def add_memories(
        self, memories: Mapping[str, Remembered], parts: Iterable[Mapping[str, np.ndarray]]
    ) -> None:
        """Counts the places among some tensors."""
        for part in parts:
            for name, memory in memories.items():
                if (places := part.get(memory.place)) is not None:
                    self.values[MEMORY + name] += len(places)
                    self.unknown[MEMORY + name] += int((places == memory.size).sum())

    def known(self, memory: str) -> float | None:
        """The share of rows whose value a memory knows; None where nobody has asked it."""
        rows = self.values[MEMORY + memory]
        return 1 - self.unknown[MEMORY + memory] / rows if rows else None

    def of_inputs(self) -> "UnknownValues":
        """Without the memories."""
        values, unknown = (
            Counter({n: count for n, count in of.items() if not n.startswith(MEMORY)})
            for of in (self.values, self.unknown)
        )
        return UnknownValues(values, unknown)

    def said(self) -> str:
        """
        >>> UnknownValues(Counter(a=9, b=2000), Counter(a=0, b=1200)).said()
        'unknown values: b 1,200 of 2,000'
        >>> UnknownValues(Counter(a=9), Counter(a=0)).said()
        'no unknown values'
        """
        inputs = self.of_inputs()
        if not inputs.values:
            return ""
        found = [
            f"{name} {count:,} of {self.values[name]:,}"
            for name, count in inputs.unknown.items()
            if count
        ]
        return f"unknown values: {', '.join(found)}" if found else "no unknown values"

    def warnings(self, usual: Mapping[str, Usual]) -> Iterator[str]:
        """A line for each input that had far more of them than it used to.

        >>> some = UnknownValues(Counter(a=300, b=300), Counter(a=290, b=5))
        >>> (line,) = some.warnings({"a": Usual(9, 0.01), "b": Usual(9, 0.01)})
        >>> line.split(";")[0]
        'warning: UNKNOWN_VALUES of a: 96.7% of its values are unknown to the model'
        """
        for name, count in self.of_inputs().values.items():
            # Of labels that must not come back many may be unknown: those are no candidates anyway.
            if name not in usual:
                continue
            share = self.unknown[name] / max(1, count)
            # Twice the deviation that a share of so many values has at most.
            if share > usual[name].share + FAR_ABOVE + 1 / math.sqrt(max(1, count)):
                yield (
                    f"warning: UNKNOWN_VALUES of {name}: {share:.1%} of its values are unknown to "
                    f"the model; of the rows that it was made with at most {usual[name].share:.1%}"
                )
