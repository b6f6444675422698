"""The back of the exported graph: what the core gives in, labels, scores and values out.

classification   logits [batch, n+1] -> the k likeliest labels and their probabilities
multilabel       logits [batch, n]   -> the k likeliest labels and each one's probability
others           [batch]             -> as they are
"""

from collections.abc import Sequence

import numpy as np

from serving.graph.core import OUTPUT
from serving.graph.features import Piece

TOP_K = "top_k"


def classification(piece: Piece, name: str, labels: Sequence[str]) -> None:
    """[batch, n+1] logits -> `<name>.labels` and `<name>.scores` [batch, k].

    The class after the last label stands for all other labels. It keeps its share of the
    probability but is never returned: one candidate more than asked for is taken, and it is put
    behind the others. That reads the logits once; cutting the class off would copy them all.
    Ranked by logit, since probabilities tie where the logits still differ.
    """
    place, logits = f"/head/{name}", OUTPUT + name
    one_more = piece.add("Add", [_k(piece, name, len(labels)), _one(piece, name)], f"{place}/k+1")
    values, ids = _top(piece, f"{place}/candidates", logits, one_more)
    other = piece.constant(f"{place}/other", len(labels), np.int64)
    lowest = piece.constant(f"{place}/lowest", -np.inf, np.float32)
    is_other = piece.add("Equal", [ids, other], f"{place}/is_other")
    allowed = piece.add("Where", [is_other, lowest, values], f"{place}/allowed")
    _, places = _top(piece, f"{place}/top", allowed, f"{place}/k")
    best = piece.add("GatherElements", [ids, places], f"{place}/ids", axis=1)
    probabilities = piece.add("Softmax", [logits], f"{place}/probabilities", axis=-1)
    piece.add("GatherElements", [probabilities, best], f"{name}.scores", axis=1)
    _labels(piece, name, best, labels)


def multilabel(piece: Piece, name: str, labels: Sequence[str]) -> None:
    """[batch, n] logits -> `<name>.labels` and `<name>.scores` [batch, k]."""
    k = _k(piece, name, len(labels))
    values, ids = _top(piece, f"/head/{name}/top", OUTPUT + name, k)
    piece.add("Sigmoid", [values], f"{name}.scores")
    _labels(piece, name, ids, labels)


def single(piece: Piece, name: str, output: str) -> None:
    """[batch] -> the same under the output's name."""
    piece.add("Identity", [OUTPUT + name], output)


def _k(piece: Piece, name: str, entries: int) -> str:
    """The `top_k` that was asked for, at most the number of labels."""
    most = piece.constant(f"/head/{name}/entries", [entries], np.int64)
    return piece.add("Min", [TOP_K, most], f"/head/{name}/k")


def _one(piece: Piece, name: str) -> str:
    return piece.constant(f"/head/{name}/one", [1], np.int64)


def _top(piece: Piece, place: str, values: str, k: str) -> tuple[str, str]:
    """The k greatest of each row and where they are, greatest first, the first of equal ones."""
    piece.add("TopK", [values, k], f"{place}/values", axis=-1)
    piece.nodes[-1].output.append(f"{place}/at")
    return f"{place}/values", f"{place}/at"


def _labels(piece: Piece, name: str, ids: str, labels: Sequence[str]) -> None:
    # Where a row's logits are not numbers, any class may win, the one of other labels too.
    text = piece.constant(f"/head/{name}/labels", [*labels, ""], object)
    piece.add("Gather", [text, ids], f"{name}.labels")
