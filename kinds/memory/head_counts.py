"""What a trained head knows of labels by its memories: keys, counts and gates. NumPy only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.memory.keys import Keys, padded_ids
from kinds.memory.label_counts import LabelCounts
from kinds.memory.mixture import Gates, Mixture, mixture, seen

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class HeadCounts:
    """`memories` {name: its keys and counts} are in the order of the gates; `several`: whether a
    row may have several labels."""

    gates: Gates
    memories: Mapping[str, tuple[Keys, LabelCounts]]
    several: bool

    def mixture(self, features: Mapping[str, Array], hidden: Array | None = None) -> Mixture:
        """Of rows with these features, as the network takes them, and where gates read it with the
        vectors that the head's logits are products of."""
        ids_of = padded_ids(features)
        found = [seen(counts, keys.looked_up(ids_of)) for keys, counts in self.memories.values()]
        return mixture(self.gates, found, hidden, several=self.several)


def gates_of(said: Mapping[str, Any]) -> Gates:
    """Of what the metrics of a run say of a head's memory."""
    return Gates.from_arrays({name: np.array(values) for name, values in said["gates"].items()})
