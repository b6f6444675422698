"""What the metrics of heads over a vocabulary have in common. NumPy only."""

import numpy as np

from kinds.heads.any.metrics import Array

# Accuracy, precision and recall are measured among this many of the best labels.
CUTS = (1, 5, 10)
# NDCG@1 is the accuracy or the precision among one.
NDCG_CUTS = CUTS[1:]


def gains(ranks: Array, cut: int) -> Array:
    """What a label adds to NDCG@cut by its rank (Jarvelin and Kekalainen 2002): 1 at rank 1, and
    nothing behind the cut.

    >>> gains(np.array([1.0, 3.0, 11.0]), 10).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.where(ranks <= cut, 1 / np.log2(1 + ranks), 0.0)
