"""The place of each row's value in a memory, in the exported file."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from kinds.memory.keys import NO_KEY, places_in
from kinds.nodes import ML_DOMAIN, Nodes
from kinds.tensors import feature

if TYPE_CHECKING:
    from kinds.inputs.keys import Key
    from kinds.memory.keys import Array, Keys


def add_places(nodes: Nodes, start: str, keys: "Keys", values: "Array") -> str:
    """int64 [rows]: the place of each row's value among `values`, int64 [V] and rising; V where it
    is none of them. The names of the nodes begin with `start`."""
    parts = [_ids(nodes, f"{start}/part_{at}", part) for at, part in enumerate(keys.parts)]
    if len(parts) == 1:
        return _of_one(nodes, start, keys.parts[0], parts[0], values)
    constant = partial(_constant, nodes, start)
    key = parts[0]
    for at, (part, own) in enumerate(zip(keys.parts[1:], parts[1:], strict=True)):
        shifted = nodes.add("Mul", [key, constant(f"ids_{at}", part.ids)], f"{start}/shifted_{at}")
        key = nodes.add("Add", [shifted, own], f"{start}/key_{at}")
    for at, (part, own) in enumerate(zip(keys.parts, parts, strict=True)):
        if part.unknown is not None:
            unknown = constant(f"unknown_{at}", part.unknown)
            is_unknown = nodes.add("Equal", [own, unknown], f"{start}/is_unknown_{at}")
            no_key = constant(f"no_key_{at}", NO_KEY)
            key = nodes.add("Where", [is_unknown, no_key, key], f"{start}/known_{at}")
    return nodes.add(
        "LabelEncoder",
        [key],
        f"{start}/place",
        domain=ML_DOMAIN,
        keys_int64s=[NO_KEY, *values.tolist()],
        values_int64s=[len(values), *range(len(values))],
        default_int64=len(values),
    )


def _constant(nodes: Nodes, start: str, name: str, value: Any) -> str:
    return nodes.constant(f"{start}/{name}", value, np.int64)


def _of_one(nodes: Nodes, start: str, part: "Key", ids: str, values: "Array") -> str:
    """Of a single id: its place stands in a list of all ids."""
    every = np.arange(part.ids)
    every = np.where(every == part.unknown, NO_KEY, every)
    places = _constant(nodes, start, "places", places_in(values, every))
    return nodes.add("Gather", [places, ids], f"{start}/place")


def _ids(nodes: Nodes, start: str, key: "Key") -> str:
    """int64 [rows], as kinds.memory.keys.padded_ids has them."""
    ids = feature(key.feature)
    if key.place is not None:
        at = _constant(nodes, start, "at", -key.place)
        ids = nodes.add("Gather", [ids, at], f"{start}/of_list", axis=1)
    ids = nodes.add("Cast", [ids], f"{start}/ids", to=TensorProto.INT64)
    if key.ids == 1:
        ids = nodes.add("Mul", [ids, _constant(nodes, start, "nothing", 0)], f"{start}/none")
    if key.missing_flag is None:
        return ids
    flag = nodes.add("Cast", [feature(key.missing_flag)], f"{start}/flag", to=TensorProto.BOOL)
    missing = _constant(nodes, start, "missing", key.missing)
    return nodes.add("Where", [flag, missing, ids], f"{start}/or_missing")
