"""A cross in the transform graph."""

from collections.abc import Mapping
from typing import Any

from kinds.graph import LookUp, column
from kinds.inputs.cross.spec import Cross
from kinds.inputs.pairs.codes import codes_of
from kinds.inputs.pairs.graph import ids_of
from kinds.prepare import Known


def features(
    name: str, part: Cross, raw: Mapping[str, Any], look_up: LookUp, known: Known
) -> dict[str, Any]:
    """`raw` has the features of the inputs that are crossed."""
    ids = [ids_of(key, raw) for key in known.keys]
    return {name: column(look_up(codes_of(ids, [key.values for key in known.keys])))}
