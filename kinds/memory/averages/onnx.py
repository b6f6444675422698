"""What a memory says of a head's number, in the exported file: one more feature of the network."""

from typing import TYPE_CHECKING

import numpy as np

from kinds.memory.place_nodes import add_places
from kinds.nodes import Nodes
from kinds.tensors import feature, within_input

if TYPE_CHECKING:
    from kinds.memory.averages.table import Remembered


def add_average(nodes: Nodes, name: str, memory: "Remembered") -> None:
    """float32 [rows, WIDTH]: the feature called `name`."""
    averages = memory.averages
    place = add_places(nodes, within_input(name, "memory"), memory.keys, averages.keys)
    said = nodes.constant(within_input(name, "said"), memory.table[-1], np.float32)
    nodes.add("Gather", [said, place], feature(name))
