"""The counted memories of the heads, as the trainer has them."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kinds.memory.keys import keys_of
from kinds.memory.network import GateVariables, HeadMemory, Table
from pipeline.folders.data import DataFolder
from pipeline.spec import Spec


def build_memories(
    spec: Spec, data: DataFolder, bias: Mapping[str, np.ndarray]
) -> dict[str, HeadMemory]:
    """Of the heads that have some. `bias` is where each output bias starts: {head: [outputs]}."""
    found = {}
    for name, memories in spec.mixed().items():
        several = spec.labels()[name].several
        tables = tuple(
            Table(
                f"{name}.{one}",
                data.memory(one, name),
                keys_of(spec.memories[one], spec.inputs, data.entries),
            )
            for one in memories
        )
        gates = GateVariables.start(name, len(tables))
        found[name] = HeadMemory(tables, gates, tf.constant(bias[name], tf.float32), several)
    return found
