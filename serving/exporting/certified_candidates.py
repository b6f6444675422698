"""The certificate of `exclude` and `only`: the file gives exactly what is left of its own ranking.

A few rows are ranked in all labels, which is compared with Keras elsewhere. With some labels left
out, the same rows must give the rest: the same labels in the same order with the same scores, bit
for bit, and nothing after them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.heads.score import FileHead
from kinds.tensors import exclude, only
from pipeline.failures import Exit, Failure

Array = npt.NDArray[Any]
_UNKNOWN = "\x1f no such label \x1f"


def certify_candidates(
    run: Callable[[Mapping[str, Array]], Mapping[str, Array]],
    heads: Sequence[FileHead],
    ranked: Mapping[str, Array],
    top_k: int,
) -> dict[str, int]:
    """{case: rows}. `run` gives the `top_k` best with these inputs beside the rows, by name;
    `ranked` are all labels. Raises Failure 5 at the first difference."""
    cases: dict[str, int] = {}
    for head in heads:
        if head.entries is None:
            continue
        labels, scores = (ranked[name] for name in head.outputs)
        whole = np.isfinite(scores).all(axis=1)
        for case, given in _cases(head, labels):
            got = run(given)
            expected = _left(head, labels, scores, given, top_k)
            for name, values in zip(head.outputs, expected, strict=True):
                if not np.array_equal(got[name][whole], values[whole]):
                    rule = "the exported file must give what is left of all labels"
                    received = f"other {name!r} in the case {case!r}"
                    raise Failure(Exit.INTEGRITY, rule, received=received)
            cases[f"{case}/{head.name}"] = int(whole.sum())
    return cases


def _cases(head: FileHead, labels: Array) -> Iterator[tuple[str, dict[str, Array]]]:
    """Lists of labels for each row and for all, some of them the best, with some that are none."""
    rows = len(labels)
    best = labels[:, [0, *range(2, min(labels.shape[1], 12), 2)]]
    none = np.full((rows, 1), "", object)
    unknown = np.full((rows, 1), _UNKNOWN, object)
    each = np.concatenate([best, unknown, none], axis=1)
    each[::3] = ""
    few = np.concatenate([labels[:, 1::3][:, :40], none], axis=1)
    few[-1] = ""
    yield "exclude", {exclude(head.name): each}
    yield "exclude_for_all", {exclude(head.name): each[1:2]}
    yield "only", {only(head.name): few}
    yield "only_for_all", {only(head.name): few[:1]}
    yield "exclude_of_only", {only(head.name): few[:1], exclude(head.name): few[:, ::2]}


def _left(
    head: FileHead, labels: Array, scores: Array, given: Mapping[str, Array], top_k: int
) -> tuple[Array, Array]:
    rows, width = len(labels), min(top_k, labels.shape[1])
    chosen, their_scores = np.full((rows, width), "", object), np.zeros((rows, width), np.float32)
    for row in range(rows):
        never, alone = (_own(given.get(of(head.name)), row) for of in (exclude, only))
        is_left = ~np.isin(labels[row], [*never]) if never else np.ones(labels.shape[1], bool)
        if only(head.name) in given:
            is_left &= np.isin(labels[row], [*alone]) if alone else False
        at = np.flatnonzero(is_left)[:width]
        chosen[row, : len(at)] = labels[row, at]
        their_scores[row, : len(at)] = scores[row, at]
    return chosen, their_scores


def _own(lists: Array | None, row: int) -> set[str]:
    """The labels in a row's list; "" is a place left empty."""
    return set() if lists is None else {label for label in lists[row % len(lists)] if label}
