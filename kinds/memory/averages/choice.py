"""Which memories help a head that predicts a number. NumPy only.

One memory after the other is taken, the one that explains most of what the ones before leave of the
target, as a linear regression on the averages of other folds has it, until the next would not pay
by the Bayesian information criterion (Schwarz 1978): rows times the fall of the log squared error
must exceed the log of the rows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.memory.averages import FOLDS
from kinds.memory.averages.table import Averages, of_folds, table
from kinds.memory.keys import NO_KEY

Array = npt.NDArray[Any]
# A column of which so little is left tells nothing that the chosen ones do not tell.
SAME = 1e-6


def out_of_fold(keys: Array, folds: Array, target: Array, link: str) -> Array:
    """float32 [rows]: what the network would read of each row's value, the first of its numbers.
    No target is missing."""
    there, ones = keys != NO_KEY, np.ones(len(keys))
    weight, total = (np.bincount(folds, of, FOLDS) for of in (ones, target))
    own = of_folds(keys[there], folds[there], ones[there], target[there], ones[there])
    averages = Averages(*own, weight, total)
    found: Array = table(averages, link)[folds, averages.places(keys), 0]
    return found


def chosen(columns: Mapping[str, Array], target: Array, most: int) -> dict[str, float]:
    """The names of at most so many columns in the order in which they are taken, and by what share
    the squared error falls with each.

    >>> x = np.arange(100.0)
    >>> list(chosen({"noise": np.sin(x * x), "twice": 2 * x, "itself": x}, x, 3))
    ['twice']
    """
    names, rows = list(columns), len(target)
    table = np.stack([np.float32(columns[name]) for name in names] + [np.float32(target)])
    table -= table.mean(axis=1, keepdims=True)
    products = table.astype(np.float64) @ table.T.astype(np.float64) / max(1, rows)
    own = np.maximum(np.diag(products).copy(), 1e-300)
    found: dict[str, float] = {}
    while len(found) < min(most, len(names)) and rows > 1:
        left = np.diag(products)
        gain = products[:-1, -1] ** 2 / np.where(left[:-1] > SAME * own[:-1], left[:-1], np.inf)
        best, error = int(np.argmax(gain)), max(left[-1], 1e-300)
        share = min(gain[best] / error, 1 - 1e-12)
        if -rows * np.log1p(-share) <= np.log(rows):
            break
        found[names[best]] = float(share)
        products = products - np.outer(products[:, best], products[best]) / products[best, best]
    return found
