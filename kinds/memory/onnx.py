"""The mixture of a head's network with its counted memories in the exported file.

    features -> key -> place of the value -> its labels, their shares, log(1 + n), the mass left
    these -> gates -> "share" [rows, 1] of the network, and of each memory "masses" [rows, m]
    the head's hidden vector -> gates, where they read it

The probability of a label is the share times that of the network, and the label's masses. What the
head makes of it is in its own folder.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from kinds.memory.mixture import NO_LABEL, SIGNS, table_shares, table_signs
from kinds.memory.place_nodes import add_places
from kinds.tensors import Mixed, mixed, within_memory

if TYPE_CHECKING:
    from kinds.memory.keys import Keys
    from kinds.memory.label_counts import LabelCounts
    from kinds.memory.mixture import Array, Gates
    from kinds.nodes import Nodes


def add_mixture(
    nodes: "Nodes",
    head: str,
    gates: "Gates",
    memories: Mapping[str, tuple["Keys", "LabelCounts"]],
    *,
    several: bool,
    hidden: str | None = None,
) -> Mixed:
    """`memories` {name: its keys and counts}, in the order of the gates; `several`: whether a row
    may have several labels; `hidden`: the tensor of the vector that the gates read, if they do."""
    place = partial(within_memory, head)
    signs, lists = [], []
    for (name, (keys, counts)), discount in zip(memories.items(), gates.discounts, strict=True):
        of = _Memory(nodes, partial(within_memory, f"{head}/{name}"))
        at = add_places(nodes, within_memory(f"{head}/{name}", "value"), keys, counts.keys)
        signs.append(of.signs(at, table_signs(counts, discount, several=several)))
        lists.append(of.shares(at, counts, table_shares(counts, discount, several=several)))
    made = mixed(head, memories)
    joined = nodes.add("Concat", signs, place("signs"), axis=1)
    logits = _gate_logits(nodes, place, gates, joined, hidden)
    factors = _factors(nodes, place, len(memories), logits, joined, made.share)
    for factor, shares, listed in zip(factors, lists, made.each, strict=True):
        relative = nodes.add("Div", [factor, made.share], f"{listed.masses}/factor")
        nodes.add("Mul", [relative, shares], listed.masses)
    labels, masses = zip(*made.each, strict=True)
    joined = nodes.add("Concat", labels, place("int32_labels"), axis=1)
    nodes.add("Cast", [joined], made.all.labels, to=TensorProto.INT64)
    joined = nodes.add("Concat", masses, place("relative_masses"), axis=1)
    nodes.add("Mul", [joined, made.share], made.all.masses)
    return made


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

    def shares(self, value: str, counts: "LabelCounts", of_labels: "Array") -> str:
        """float32 [rows, m]: what each row's value says of its labels, and under the name "labels"
        which they are, int32; m is the length of the longest list."""
        lengths = np.append(np.diff(counts.offsets), 0)
        starts = self._constant("starts", counts.offsets, np.int64)
        sizes = self._constant("sizes", lengths, np.int64)
        labels = self._constant("all_labels", np.append(counts.labels, NO_LABEL), np.int32)
        shares = self._constant("all_shares", np.append(of_labels, 0.0), np.float32)
        # Of many rows one has the longest list, so nothing is gained by asking which have.
        steps = self._constant("steps", np.arange(lengths.max(initial=1)), np.int64)
        value = self._add("Unsqueeze", [value, self._constant("axis", [1], np.int64)], "values")
        start, size = (
            self._add("Gather", [of, value], name)
            for of, name in ((starts, "start"), (sizes, "size"))
        )
        places = self._add("Add", [start, steps], "places_of")
        there = self._add("Less", [steps, size], "there")
        beyond = self._constant("beyond", len(counts.labels), np.int64)
        places = self._add("Where", [there, places, beyond], "of_labels")
        # onnxruntime's GatherElements takes half the time of its Gather.
        flat = self._add("Reshape", [places, self._constant("flat", [-1], np.int64)], "flat_places")
        shape = self._constant("shape", [-1, lengths.max(initial=1)], np.int64)

        def of_pairs(pairs: str, name: str) -> str:
            found = self._add("GatherElements", [pairs, flat], f"{name}/flat")
            return self._add("Reshape", [found, shape], name)

        of_pairs(labels, "labels")
        return of_pairs(shares, "shares")


def _gate_logits(
    nodes: "Nodes", place: partial[str], gates: "Gates", signs: str, hidden: str | None
) -> str:
    """float32 [rows, memories + 1]"""
    weights = nodes.constant(place("gate_weights"), gates.weights.T, np.float32)
    bias = nodes.constant(place("gate_bias"), gates.bias, np.float32)
    product = nodes.add("MatMul", [signs, weights], place("gate_product"))
    logits = nodes.add("Add", [product, bias], place("gate_logits"))
    if gates.hidden is not None and hidden is not None:
        weights = nodes.constant(place("gate_hidden_weights"), gates.hidden.T, np.float32)
        product = nodes.add("MatMul", [hidden, weights], place("gate_hidden"))
        logits = nodes.add("Add", [logits, product], place("all_gate_logits"))
    return logits


def _factors(
    nodes: "Nodes", place: partial[str], memories: int, logits: str, signs: str, share: str
) -> list[str]:
    """The factor of each memory, float32 [rows, 1], and under the name `share` the network's."""
    all_gates = nodes.add("Softmax", [logits], place("gates"), axis=1)

    ones = nodes.constant(place("gate_sizes"), [1] * (memories + 1), np.int64)
    names = [place(f"gate_{k}") for k in range(memories + 1)]
    gate = nodes.add_several("Split", [all_gates, ones], names, axis=1)

    def left_by(k: int) -> str:
        at = nodes.constant(place(f"left_{k}/at"), [SIGNS * k + SIGNS - 1], np.int64)
        return nodes.add("Gather", [signs, at], place(f"left_{k}"), axis=1)

    factors = [gate[1]]
    for k in range(1, memories + 1):
        passed = nodes.add("Mul", [factors[-1], left_by(k - 1)], place(f"passed_{k}"))
        last = k == memories
        parts = [gate[0] if last else gate[k + 1], passed]
        factors.append(nodes.add("Add", parts, share if last else place(f"factor_{k}")))
    return factors[:-1]
