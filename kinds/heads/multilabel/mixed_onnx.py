"""The best of several labels a row, mixed with what memories say, in the exported file.

Only a label that a memory lists can rise: all others keep the network's order. So the candidates
are the network's best and the lists.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from kinds.heads.labels.candidates_onnx import add_is_left, add_shown
from kinds.heads.labels.onnx import add_top
from kinds.memory.mixture import NO_LABEL
from kinds.nodes import Nodes
from kinds.tensors import Listed, Mixed, label_count, of_all, output, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_mixed(
    nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed, left: str
) -> None:
    """The best labels of the mixture and their probabilities [rows, k]. `left` are the logits of
    what may come back.

    Compared are log p of the network's best, and log(p + mass / share) of the labels that are
    listed. Ids from `len(labels)` on are no labels.
    """
    step, logits = partial(within_head, head.name), output(head.name)
    values, ids = add_top(nodes, step("candidates"), left, label_count(head.name))
    listed_ids, masses = _merged(nodes, head.name, mixed.each)
    own = nodes.add("GatherElements", [logits, listed_ids], step("own"), axis=1)
    network, own = (_add_log_sigmoid(nodes, of) for of in (values, own))
    counted = nodes.add("Log", [masses], step("log_mass"))
    listed = _add_log_of_sum(nodes, partial(within_head, f"{head.name}/listed"), own, counted)
    other = nodes.constant(step("no_label"), len(labels), np.int64)
    unlisted, filled = _add_ids(nodes, head, listed_ids, ids, other)
    values = nodes.add("Concat", [network, listed], step("all_values"), axis=1)
    ids = nodes.add("Concat", [unlisted, filled], step("all_ids"), axis=1)
    is_label = nodes.add("Less", [ids, other], of_all(head.name, "is_candidate"))
    is_left = add_is_left(nodes, head, ids, step("is_left"))
    is_candidate = nodes.add("And", [is_label, is_left], step("is_candidate"))
    lowest = nodes.constant(step("lowest"), -np.inf, np.float32)
    allowed = nodes.add("Where", [is_candidate, values, lowest], step("allowed"))
    highest, places = add_top(nodes, step("top"), allowed, label_count(head.name))
    best = nodes.add("GatherElements", [ids, places], of_all(head.name, "ids"), axis=1)
    relative = nodes.add("Exp", [highest], step("relative"))
    nodes.add("Mul", [relative, mixed.share], of_all(head.name, "scores"))
    add_shown(nodes, head, labels, best, "ids")


def _merged(nodes: Nodes, head: str, lists: Sequence[Listed]) -> Listed:
    """All lists as one, with int64 labels. One that several list is there once, with all masses."""
    found = lists[0]
    for at, other in enumerate(lists[1:], start=1):
        found = _merged_two(nodes, partial(within_head, f"{head}/merge_{at}"), found, other)
    labels = nodes.add(
        "Cast", [found.labels], within_head(head, "all_listed"), to=TensorProto.INT64
    )
    return Listed(labels, found.masses)


def _merged_two(nodes: Nodes, place: "partial[str]", ones: Listed, others: Listed) -> Listed:
    """Two lists as one. A label of both stays in the first, with the mass of both."""
    to_columns, to_rows = (nodes.constant(place(f"axis_{n}"), [n], np.int64) for n in (2, 1))
    column = nodes.add("Unsqueeze", [ones.labels, to_columns], place("column"))
    row = nodes.add("Unsqueeze", [others.labels, to_rows], place("row"))
    same = nodes.add("Equal", [column, row], place("same"))
    same = nodes.add("Cast", [same], place("same/1"), to=TensorProto.FLOAT)
    mass = nodes.add("Unsqueeze", [others.masses, to_columns], place("mass"))
    added = nodes.add("MatMul", [same, mass], place("added"))
    added = nodes.add("Squeeze", [added, to_columns], place("added/flat"))
    first = nodes.add("Add", [ones.masses, added], place("first"))
    times = nodes.add("ReduceSum", [same, to_rows], place("times"), keepdims=0)
    again = nodes.add("Cast", [times], place("again"), to=TensorProto.BOOL)
    no_label = nodes.constant(place("no_label"), NO_LABEL, np.int32)
    no_mass = nodes.constant(place("no_mass"), 0.0, np.float32)
    left = nodes.add("Where", [again, no_label, others.labels], place("left"))
    second = nodes.add("Where", [again, no_mass, others.masses], place("second"))
    return Listed(
        nodes.add("Concat", [ones.labels, left], place("labels"), axis=1),
        nodes.add("Concat", [first, second], place("masses"), axis=1),
    )


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


def _add_log_sigmoid(nodes: Nodes, logits: str) -> str:
    minus = nodes.add("Neg", [logits], f"{logits}/minus")
    lost = nodes.add("Softplus", [minus], f"{logits}/lost")
    return nodes.add("Neg", [lost], f"{logits}/log_sigmoid")
