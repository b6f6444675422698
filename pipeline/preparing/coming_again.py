"""Whether values of a memory come again in rows to come.

Those of a single match or week do not, however well counts by them predict other rows of the same
match.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.inputs.keys import Key
from kinds.memory.keys import NO_KEY, keys_of
from kinds.memory.spec import Memory
from pipeline import sides
from pipeline import spec as specs

# So many rows say whether values come again.
COMPARED = 50_000
Array = npt.NDArray[Any]
Ids = Callable[[Key], Array]


class ComesAgain:
    """Whether values of a memory come again in rows to come at least half as often as in training
    rows.

    Rows to come are like others with the ids `to_come`, or else like the `newest` of the rows with
    these `ids`. Where neither is known, they are like the rows themselves.
    """

    def __init__(
        self,
        spec: specs.Spec,
        sizes: Mapping[str, int],
        ids: Ids,
        newest: Array | None,
        to_come: Ids | None,
    ) -> None:
        self._spec, self._sizes, self._ids = spec, sizes, ids
        self._newest, self._to_come = newest, to_come

    def __call__(self, memory: Memory) -> bool:
        keys = keys_of(memory, self._spec.inputs, self._sizes)
        if self._to_come is not None:
            own, coming = keys.looked_up(self._ids), keys.looked_up(self._to_come)
            is_to_come = np.repeat([False, True], [len(own), len(coming)])
            return _comes_again(np.concatenate([own, coming]), is_to_come)
        return self._newest is None or _comes_again(keys.looked_up(self._ids), self._newest)


def _comes_again(key: Array, late: Array) -> bool:
    """Whether late rows have the values of the earlier ones at least half as often as rows have
    those of other rows.

    >>> late = np.arange(100) >= 90
    >>> weekday, week = np.arange(100) % 7, np.arange(100) // 7
    >>> _comes_again(weekday, late), _comes_again(week, late)
    (True, False)
    """
    every = max(1, len(key) // COMPARED)
    key, late = key[::every], late[::every]
    as_many = sides.scrambled(np.arange(len(key), dtype=np.uint64)).argsort() < late.sum()

    def known(rows: Array) -> float:
        return float((np.isin(key[rows], key[~rows]) & (key[rows] != NO_KEY)).mean())

    return known(late) >= known(as_many) / 2
