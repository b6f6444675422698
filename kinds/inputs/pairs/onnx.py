"""The ids that an input offers, in the exported file."""

import numpy as np
from onnx import TensorProto

from kinds.inputs.keys import Key
from kinds.nodes import Nodes
from kinds.tensors import feature


def add_ids(nodes: Nodes, place: str, key: Key) -> str:
    """int64 [rows]: the id of each row's value; the number of values for any other.

    `place` begins the names of the nodes. The features of a list are padded on the left.
    """
    ids, other = feature(key.feature), nodes.constant(f"{place}/other", key.values, np.int64)
    if key.place is not None:
        at = nodes.constant(f"{place}/position", -key.place, np.int64)
        ids = nodes.add("Gather", [ids, at], f"{place}/element", axis=1)
    ids = nodes.add("Cast", [ids], f"{place}/long", to=TensorProto.INT64)
    if key.missing_flag is not None:
        missing = nodes.add(
            "Cast", [feature(key.missing_flag)], f"{place}/gap", to=TensorProto.BOOL
        )
        ids = nodes.add("Where", [missing, other, ids], f"{place}/there")
    return nodes.add("Min", [ids, other], f"{place}/id")
