"""The best labels of a head with memories in the exported file.

Only a label that a memory lists can rise: all others keep the network's order. So the candidates
are the network's best and the lists.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto

from kinds.heads.labels.candidates_onnx import add_is_left, add_shown
from kinds.heads.labels.onnx import add_top
from kinds.nodes import Nodes
from kinds.tensors import Mixed, label_count, of_all, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


class Candidates(NamedTuple):
    """Names of tensors: the best of the network, values and ids [rows, c], and the values `own`
    [rows, m] of the labels that memories list. The network's probability of a label is
    exp(value - log_sum), with log_sum [rows, 1]."""

    values: str
    ids: str
    own: str
    log_sum: str


def add_mixed(
    nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed, found: Candidates
) -> None:
    """The best labels of the mixture and their probabilities [rows, k].

    A listed label's value becomes the one that gives it the probability of the mixture,
    log(exp(value) + exp(log_sum) mass / share). The log_sum of all is then the network's less the
    log of its share. Ids from `len(labels)` on are no labels. The network's best are the best of
    what may come back, and of the lists no other label is taken.
    """
    step = partial(within_head, head.name)
    log_share = nodes.add("Log", [mixed.share], step("log_share"))
    log_sum = nodes.add("Sub", [found.log_sum, log_share], step("mixed_log_sum"))
    log_mass = nodes.add("Log", [mixed.masses], step("log_mass"))
    counted = nodes.add("Add", [log_sum, log_mass], step("counted"))
    listed = _add_log_of_sum(nodes, partial(within_head, f"{head.name}/listed"), found.own, counted)
    other = nodes.constant(step("no_label"), len(labels), np.int64)
    unlisted, filled = _add_ids(nodes, head, mixed.labels, found.ids, other)
    values = nodes.add("Concat", [found.values, listed], step("all_values"), axis=1)
    ids = nodes.add("Concat", [unlisted, filled], step("all_ids"), axis=1)
    is_label = nodes.add("Less", [ids, other], of_all(head.name, "is_candidate"))
    is_left = add_is_left(nodes, head, ids, step("is_left"))
    is_candidate = nodes.add("And", [is_label, is_left], step("is_candidate"))
    lowest = nodes.constant(step("lowest"), -np.inf, np.float32)
    allowed = nodes.add("Where", [is_candidate, values, lowest], step("allowed"))
    highest, places = add_top(nodes, step("top"), allowed, label_count(head.name))
    best = nodes.add("GatherElements", [ids, places], of_all(head.name, "ids"), axis=1)
    log_scores = nodes.add("Sub", [highest, log_sum], step("log_scores"))
    nodes.add("Exp", [log_scores], of_all(head.name, "scores"))
    add_shown(nodes, head, labels, best, "ids")


def _add_ids(nodes: Nodes, head: "FileHead", listed: str, ids: str, other: str) -> tuple[str, str]:
    """The ids of the network's best and of the lists, `other` in place of what a list has too, and
    of what stands for no label."""
    step = partial(within_head, head.name)
    to_columns, to_rows = (nodes.constant(step(f"axis_{n}"), [n], np.int64) for n in (2, 1))
    column = nodes.add("Unsqueeze", [ids, to_columns], step("column"))
    row = nodes.add("Unsqueeze", [listed, to_rows], step("row"))
    same = nodes.add("Equal", [column, row], step("same"))
    same = nodes.add("Cast", [same], step("same/number"), to=TensorProto.INT32)
    times = nodes.add("ReduceSum", [same, to_columns], step("times"), keepdims=0)
    is_listed = nodes.add("Cast", [times], step("is_listed"), to=TensorProto.BOOL)
    zero = nodes.constant(step("zero"), 0, np.int64)
    is_none = nodes.add("Less", [listed, zero], step("is_none"))
    return (
        nodes.add("Where", [is_listed, other, ids], step("unlisted")),
        nodes.add("Where", [is_none, other, listed], step("listed/ids")),
    )


def _add_log_of_sum(nodes: Nodes, step: "partial[str]", a: str, b: str) -> str:
    """log(exp(a) + exp(b)); a itself, bit for bit, where b is minus infinity."""
    higher = nodes.add("Max", [a, b], step("higher"))
    parts = []
    for one, name in ((a, "a"), (b, "b")):
        below = nodes.add("Sub", [one, higher], step(f"{name}/below"))
        parts.append(nodes.add("Exp", [below], step(f"{name}/part")))
    more = nodes.add("Log", [nodes.add("Add", parts, step("parts"))], step("more"))
    return nodes.add("Add", [higher, more], step("log_of_sum"))
