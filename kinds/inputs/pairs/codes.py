"""Codes of several ids, and the texts of such pairs: a vocabulary of pairs has a text for each.

A pair of values is one number, its code: of ids a, b and c below the radices A, B and C it is
(a B + b) C + c. A radix is the number of values and one more, for all others. Codes follow ids,
which change with every vocabulary; the text of a pair is the JSON of its values. Numpy and pyarrow
only.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.inputs.keys import Key

Codes = npt.NDArray[np.int64]


def codes_of(ids: Sequence[Any], sizes: Sequence[int]) -> Any:
    """The code of each row's ids: int64 [rows] each, in an array or in a tensor.

    >>> codes_of([np.array([0, 2]), np.array([1, 3])], [2, 3])
    array([ 1, 11])
    """
    code = ids[0]
    for own, size in zip(ids[1:], sizes[1:], strict=True):
        code = code * (size + 1) + own
    return code


def ids_in(codes: Codes, sizes: Sequence[int]) -> list[Codes]:
    """The ids that codes were made of.

    >>> [ids.tolist() for ids in ids_in(np.array([1, 11]), [2, 3])]
    [[0, 2], [1, 3]]
    """
    found: list[Codes] = []
    for size in reversed(sizes[1:]):
        codes, own = np.divmod(codes, size + 1)
        found.append(own)
    return [codes, *reversed(found)]


def texts_of_ids(
    keys: Sequence[Key], values: Sequence[Sequence[str] | None]
) -> list[Sequence[str]]:
    """The texts of the ids of each key: its `values`, or where it has none the ids themselves."""
    return [
        [str(at) for at in range(key.values)] if own is None else own
        for key, own in zip(keys, values, strict=True)
    ]


def texts_of(codes: Codes, values: Sequence[Sequence[str]]) -> pa.Array:
    """The text of each pair; `values` are the texts of the ids of each part.

    >>> texts_of(np.array([1, 4]), [["a", "b"], ["x", "y"]]).to_pylist()
    ['["a", "y"]', '["b", "y"]']
    """
    parts = [
        pa.array([json.dumps(text, ensure_ascii=False) for text in own], pa.string()).take(
            pa.array(ids)
        )
        for own, ids in zip(values, ids_in(codes, [len(own) for own in values]), strict=True)
    ]
    inside = pc.binary_join_element_wise(*parts, ", ")
    return pc.binary_join_element_wise("[", inside, "]", "")


def codes_in(texts: Sequence[str], values: Sequence[Sequence[str]]) -> Codes:
    """The code of each text; one below 0, which no row has, where a value is not there any more."""
    places = [{text: at for at, text in enumerate(own)} for own in values]
    sizes = [len(own) for own in values]
    found = np.empty(len(texts), np.int64)
    for at, text in enumerate(texts):
        ids = [own.get(value) for own, value in zip(places, json.loads(text), strict=True)]
        found[at] = -1 - at if None in ids else codes_of(ids, sizes)
    return found
