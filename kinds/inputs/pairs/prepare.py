"""The ids that an input offers, of features of examples. Numpy and pyarrow only."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.inputs.keys import Key
from kinds.lists import list_lengths


def ids_of(key: Key, features: Mapping[str, pa.Array]) -> npt.NDArray[np.int64]:
    """int64 [rows]: the id of each row's value; the number of values for any other.

    >>> features = {"x": pa.array([[0, 1], [], [3]])}
    >>> ids_of(Key("x", ids=4, unknown=2, missing=3, place=1), features).tolist()
    [1, 2, 2]
    """
    size = key.values
    lists = features[key.feature]
    ids = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    if key.place is not None:
        lengths = list_lengths(lists)
        places = np.cumsum(lengths) - key.place
        ids = np.append(ids, size)[np.where(lengths >= key.place, places, -1)]
    if key.missing_flag is not None:
        is_missing = features[key.missing_flag].flatten().to_numpy(zero_copy_only=False) == 1
        ids = np.where(is_missing, size, ids)
    return np.minimum(ids, size)
