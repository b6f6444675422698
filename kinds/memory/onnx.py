"""The mixture of a head's network with its counted memories in the exported file.

    features -> key -> place of the value -> its labels, their shares, log(1 + n), the mass left
    these -> gates -> "share" [rows, 1] of the network, "labels" and "masses" [rows, m]

The probability of a label is the share times that of the network, and the label's mass. What the
head makes of it is in its own folder.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kinds.memory.mixture import NO_LABEL, SIGNS, table_shares, table_signs
from kinds.memory.place_nodes import add_places
from kinds.tensors import Mixed, mixed, within_memory

if TYPE_CHECKING:
    from kinds.memory.keys import Keys
    from kinds.memory.label_counts import LabelCounts
    from kinds.memory.mixture import Array, Gates
    from kinds.nodes import Nodes

_FLOAT, _INT64, _BOOL = 1, 7, 9


def add_mixture(
    nodes: "Nodes",
    head: str,
    gates: "Gates",
    memories: Mapping[str, tuple["Keys", "LabelCounts"]],
    *,
    several: bool,
) -> Mixed:
    """`memories` {name: its keys and counts}, in the order of the gates; `several`: whether a row
    may have several labels."""
    place = partial(within_memory, head)
    signs, lists = [], []
    for (name, (keys, counts)), discount in zip(memories.items(), gates.discounts, strict=True):
        of = _Memory(nodes, partial(within_memory, f"{head}/{name}"))
        at = add_places(nodes, within_memory(f"{head}/{name}", "value"), keys, counts.keys)
        signs.append(of.signs(at, table_signs(counts, discount, several=several)))
        lists.append(of.lists(at, counts, table_shares(counts, discount, several=several)))
    made = mixed(head)
    joined = nodes.add("Concat", signs, place("signs"), axis=1)
    factors = _factors(nodes, place, gates, joined, made.share)
    weighted = [
        (labels, nodes.add("Mul", [factor, shares], place(f"mass_{k}")))
        for k, (factor, (labels, shares)) in enumerate(zip(factors, lists, strict=True))
    ]
    labels, masses = weighted[0]
    for k, other in enumerate(weighted[1:], start=1):
        labels, masses = _merged(
            nodes, partial(within_memory, f"{head}/merge_{k}"), (labels, masses), other
        )
    nodes.add("Cast", [labels], made.labels, to=_INT64)
    nodes.add("Identity", [masses], made.masses)
    return made


def _merged(
    nodes: "Nodes", place: partial[str], ones: tuple[str, str], others: tuple[str, str]
) -> tuple[str, str]:
    """Two lists as one. A label of both stays in the first, with the mass of both."""
    to_columns, to_rows = (nodes.constant(place(f"axis_{n}"), [n], np.int64) for n in (2, 1))
    column = nodes.add("Unsqueeze", [ones[0], to_columns], place("column"))
    row = nodes.add("Unsqueeze", [others[0], to_rows], place("row"))
    same = nodes.add(
        "Cast", [nodes.add("Equal", [column, row], place("same"))], place("same/1"), to=_FLOAT
    )
    mass = nodes.add("Unsqueeze", [others[1], to_columns], place("mass"))
    added = nodes.add("MatMul", [same, mass], place("added"))
    added = nodes.add("Squeeze", [added, to_columns], place("added/flat"))
    first = nodes.add("Add", [ones[1], added], place("first"))
    times = nodes.add("ReduceSum", [same, to_rows], place("times"), keepdims=0)
    again = nodes.add("Cast", [times], place("again"), to=_BOOL)
    no_label = nodes.constant(place("no_label"), NO_LABEL, np.int32)
    no_mass = nodes.constant(place("no_mass"), 0.0, np.float32)
    left = nodes.add("Where", [again, no_label, others[0]], place("left"))
    second = nodes.add("Where", [again, no_mass, others[1]], place("second"))
    return (
        nodes.add("Concat", [ones[0], left], place("labels"), axis=1),
        nodes.add("Concat", [first, second], place("masses"), axis=1),
    )


class _Memory:
    """The nodes of one memory."""

    def __init__(self, nodes: "Nodes", place: partial[str]) -> None:
        self._nodes, self._place = nodes, place

    def _add(self, op: str, inputs: Sequence[str], name: str, **attributes: object) -> str:
        return self._nodes.add(op, inputs, self._place(name), **attributes)

    def _constant(self, name: str, value: object, dtype: object) -> str:
        return self._nodes.constant(self._place(name), value, dtype)

    def signs(self, value: str, of_values: "Array") -> str:
        """float32 [rows, SIGNS]"""
        table = self._constant("of_value", of_values, np.float32)
        return self._add("Gather", [table, value], "signs")

    def lists(self, value: str, counts: "LabelCounts", of_labels: "Array") -> tuple[str, str]:
        """int32 and float32 [rows, m]: the labels of each row's value and what it says of them; m
        is the longest list of the rows."""
        lengths = np.append(np.diff(counts.offsets), 0)
        starts = self._constant("starts", counts.offsets, np.int64)
        sizes = self._constant("sizes", lengths, np.int64)
        labels = self._constant("all_labels", np.append(counts.labels, NO_LABEL), np.int32)
        shares = self._constant("all_shares", np.append(of_labels, 0.0), np.float32)
        zero, one = (self._constant(str(n), n, np.int64) for n in (0, 1))
        axis = self._constant("axis", [1], np.int64)
        start = self._add("Gather", [starts, value], "start")
        size = self._add("Gather", [sizes, value], "size")
        longest = self._add("ReduceMax", [size], "longest", keepdims=0)
        longest = self._add("Max", [longest, one], "at_least_one")
        steps = self._add("Range", [zero, longest, one], "steps")
        start = self._add("Unsqueeze", [start, axis], "start_of")
        size = self._add("Unsqueeze", [size, axis], "size_of")
        places = self._add("Add", [start, steps], "places_of")
        there = self._add("Less", [steps, size], "there")
        beyond = self._constant("beyond", len(counts.labels), np.int64)
        places = self._add("Where", [there, places, beyond], "of_labels")
        return (
            self._add("Gather", [labels, places], "labels"),
            self._add("Gather", [shares, places], "shares"),
        )


def _factors(
    nodes: "Nodes", place: partial[str], gates: "Gates", signs: str, share: str
) -> list[str]:
    """The factor of each memory, float32 [rows, 1], and under the name `share` the network's."""
    memories = len(gates.discounts)
    weights = nodes.constant(place("gate_weights"), gates.weights.T, np.float32)
    bias = nodes.constant(place("gate_bias"), gates.bias, np.float32)
    product = nodes.add("MatMul", [signs, weights], place("gate_product"))
    logits = nodes.add("Add", [product, bias], place("gate_logits"))
    all_gates = nodes.add("Softmax", [logits], place("gates"), axis=1)

    def column(of: str, at: int, name: str) -> str:
        index = nodes.constant(place(f"{name}/at"), [at], np.int64)
        return nodes.add("Gather", [of, index], place(name), axis=1)

    gate = [column(all_gates, k, f"gate_{k}") for k in range(memories + 1)]
    left = [column(signs, SIGNS * k + SIGNS - 1, f"left_{k}") for k in range(memories)]
    factors = [gate[1]]
    for k in range(1, memories + 1):
        passed = nodes.add("Mul", [factors[-1], left[k - 1]], place(f"passed_{k}"))
        last = k == memories
        parts = [gate[0] if last else gate[k + 1], passed]
        factors.append(nodes.add("Add", parts, share if last else place(f"factor_{k}")))
    return factors[:-1]
