"""Yes or no by a threshold that reaches an aim: the best F1, a precision or a recall.

No set has a stated coverage: of two answers it would be one, or both.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.heads.any.coverage import answers as answers
from kinds.heads.any.coverage import columns as columns
from kinds.heads.any.coverage import penalties as penalties
from kinds.heads.any.coverage import script as script
from kinds.heads.any.coverage import sizes as sizes
from kinds.heads.any.coverage import strangeness as strangeness
from kinds.heads.any.metrics import Array, Rows, Totals

if TYPE_CHECKING:
    from kinds.heads.binary.spec import Aim
    from kinds.heads.score import FileHead


def threshold(rows: Rows, weights: Array, aim: "Aim") -> float | None:
    """Of a precision the threshold with the greatest recall, of a recall that with the greatest
    precision. It lies halfway between the logits of the last row that is yes and the next one."""
    logits, order = rows["value"], np.argsort(-rows["value"], kind="stable")
    yes, all_yes = (np.cumsum(of[order]) for of in (weights * rows["target"], weights))
    if not len(order) or yes[-1] <= 0:
        return None
    falling = logits[order]
    # Rows of one score are all yes, or none is.
    ends = np.append(falling[1:] < falling[:-1], True)
    precision, recall = yes / np.maximum(all_yes, 1e-300), yes / yes[-1]
    value = _value(aim, precision, recall)
    value[~ends] = -np.inf
    best = int(np.argmax(value))
    if not np.isfinite(value[best]):
        return None
    after = falling[best + 1] if best + 1 < len(falling) else falling[best] - 1
    return float(_share((falling[best] + after) / 2))


def _value(aim: "Aim", precision: Array, recall: Array) -> Array:
    """What is to be greatest; -inf where the aim is not reached."""
    if aim == "f1":
        return np.asarray(2 * precision * recall / np.maximum(precision + recall, 1e-300))
    [(what, least)] = aim.items()
    has, wanted = (precision, recall) if what == "precision" else (recall, precision)
    return np.where(has >= least, wanted, -np.inf)


def reached(rows: Rows, weights: Array, threshold: float) -> dict[str, float]:
    """
    >>> rows = {"value": np.array([2.0, 1.0, -1.0]), "target": np.array([1.0, 0.0, 1.0])}
    >>> reached(rows, np.ones(3), 0.5)
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5, 'said_yes': 0.6666666666666666}
    """
    said = _share(rows["value"]) >= threshold
    right = float((weights * said * rows["target"]).sum())
    yes, true = float((weights * said).sum()), float((weights * rows["target"]).sum())
    found = {"precision": right / yes if yes else 0.0, "recall": right / true if true else 0.0}
    f1 = 2 * right / (yes + true) if yes + true else 0.0
    return {**found, "f1": f1, "said_yes": yes / max(float(weights.sum()), 1e-300)}


def add_reached(totals: Totals, rows: Rows, weights: Array, threshold: float) -> None:
    said, true = _share(rows["value"]) >= threshold, rows["target"] > 0
    totals.add_mean("precision", rows["target"][said], weights[said], said)
    totals.add_mean("recall", said[true], weights[true], true)
    # 2 right / (said + true) is the mean of 1 over the right and of 0 over the wrong, where a right
    # row counts twice.
    either = said | true
    both = (said & true)[either]
    totals.add_mean("f1", both, weights[either] * (1 + both), either)
    totals.add_mean("said_yes", said, weights)


def decision(head: "FileHead") -> dict[str, pa.DataType]:
    return {f"{head.name}.answer": pa.bool_()}


def decided(head: "FileHead", found: Mapping[str, Array], threshold: float) -> dict[str, Array]:
    return {f"{head.name}.answer": found[head.outputs[0]] >= threshold}


def _share(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-logits)))
