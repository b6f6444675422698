"""Texts to ids in the exported file, as kinds.inputs.ids.numbering has them."""

from collections.abc import Sequence

from onnx import TensorProto

from kinds import tensors
from kinds.inputs.ids.numbering import missing_id, unknown_id
from kinds.nodes import ML_DOMAIN, Nodes

OPERATIONS = frozenset({"LabelEncoder", "Cast"})


def operations() -> frozenset[str]:
    return OPERATIONS


def look_up(nodes: Nodes, name: str, column: str, values: Sequence[str]) -> str:
    """Texts of any shape -> int32 ids of the same shape.

    "" is missing, also where the vocabulary has it as a label of its own.
    """
    ids = {value: at for at, value in enumerate(values)} | {"": missing_id(len(values))}
    found = nodes.add(
        "LabelEncoder",
        [column],
        tensors.ids(name),
        domain=ML_DOMAIN,
        keys_strings=list(ids),
        values_int64s=list(ids.values()),
        default_int64=unknown_id(len(values)),
    )
    return nodes.add("Cast", [found], tensors.feature(name), to=TensorProto.INT32)
