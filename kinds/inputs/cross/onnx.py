"""A cross in the exported file: the code of the ids, looked up."""

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from kinds.inputs.pairs.onnx import add_ids
from kinds.nodes import ML_DOMAIN, Nodes
from kinds.tensors import feature, ids, within_input

if TYPE_CHECKING:
    from kinds.inputs.cross.spec import Cross
    from kinds.inputs.onnx import RawInput


def operations() -> frozenset[str]:
    return frozenset({"Add", "Cast", "Gather", "LabelEncoder", "Min", "Mul", "Where"})


def add_nodes(nodes: Nodes, name: str, part: "Cross", raw: "RawInput") -> None:
    first, *others = raw.keys
    code = add_ids(nodes, within_input(name, "1"), first)
    for number, key in enumerate(others, 2):
        place = within_input(name, str(number))
        radix = nodes.constant(f"{place}/radix", key.values + 1, np.int64)
        code = nodes.add("Mul", [code, radix], f"{place}/times")
        code = nodes.add("Add", [code, add_ids(nodes, place, key)], f"{place}/code")
    found = nodes.add(
        "LabelEncoder",
        [code],
        ids(name),
        domain=ML_DOMAIN,
        keys_int64s=list(raw.codes),
        values_int64s=list(range(len(raw.codes))),
        default_int64=len(raw.codes),
    )
    nodes.add("Cast", [found], feature(name), to=TensorProto.INT32)
