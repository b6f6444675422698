"""Candidates in the exported file: the labels of a head that may come back, row by row.

Two inputs of the file, both with a default, name labels that must not come back and labels that
alone may (kinds.tensors.exclude, only). What they leave has the rank and the score that it has
among all labels: probabilities are those of the whole. Where less than k is left, "" and 0 follow.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kinds import tensors
from kinds.heads.labels.onnx import add_labels
from kinds.nodes import ML_DOMAIN, Nodes
from kinds.tensors import within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_ceiling(nodes: Nodes, head: "FileHead", labels: Sequence[str]) -> None:
    """Adds kinds.tensors.ceiling: a table of all labels, the one of `only` first, then without what
    `exclude` has. Both may be for all rows or for each."""
    step, name = partial(within_head, head.name), head.name
    for given in (tensors.exclude(name), tensors.only(name)):
        nodes.constant(given, np.empty((1, 0), object), object)
    _add_ids(nodes, head, labels)
    excluded, alone = (tensors.ids_of(of(name), name) for of in (tensors.exclude, tensors.only))
    width = nodes.constant(step("width"), [len(labels) + 1], np.int64)
    one = nodes.constant(step("ceiling/one"), [1], np.int64)
    yes = nodes.constant(step("yes"), [[np.inf]], np.float32)
    no = nodes.constant(step("no"), [[-np.inf]], np.float32)
    lists, count = (_size(nodes, head, alone, axis) for axis in (0, 1))
    is_limited = nodes.add("Cast", [count], step("is_limited"), to=9)
    start = nodes.add("Where", [is_limited, no, yes], step("start"))
    table = _expanded(nodes, start, [lists, width], step("only/all"))
    table = _scattered(nodes, table, alone, yes, step("only/table"))
    rows = nodes.add("Max", [lists, _size(nodes, head, excluded, 0)], step("lists"))
    table = _expanded(nodes, table, [rows, one], step("only/rows"))
    # The class of all other labels is never a candidate.
    other = nodes.constant(step("other_class"), [[len(labels)]], np.int64)
    every = [_expanded(nodes, excluded, [rows, one], step("exclude/rows"))]
    every.append(_expanded(nodes, other, [rows, one], step("exclude/other")))
    ids = nodes.add("Concat", every, step("exclude/all"), axis=1)
    _scattered(nodes, table, ids, no, tensors.ceiling(name))
    _add_places(nodes, head, rows, width)


def _add_ids(nodes: Nodes, head: "FileHead", labels: Sequence[str]) -> None:
    """The ids of the texts in both inputs, by one table. "" is no label there, but a place left
    empty."""
    step, name = partial(within_head, head.name), head.name
    given = [tensors.exclude(name), tensors.only(name)]
    flat_shape = nodes.constant(step("flat_shape"), [-1], np.int64)
    flat = [nodes.add("Reshape", [one, flat_shape], f"{tensors.ids_of(one, name)}/texts")
            for one in given]  # fmt: skip
    texts = nodes.add("Concat", flat, step("texts"), axis=0)
    known = [at for at, label in enumerate(labels) if label]
    ids = nodes.add(
        "LabelEncoder",
        [texts],
        step("texts/ids"),
        domain=ML_DOMAIN,
        keys_strings=[labels[at] for at in known] or ["\x00"],
        values_int64s=known or [len(labels)],
        default_int64=len(labels),
    )
    first = nodes.add("Shape", [flat[0]], step("texts/first"))
    zero = nodes.constant(step("texts/zero"), [0], np.int64)
    end = nodes.constant(step("texts/end"), [np.iinfo(np.int64).max], np.int64)
    for one, (start, stop) in zip(given, ((zero, first), (first, end)), strict=True):
        place = tensors.ids_of(one, name)
        part = nodes.add("Slice", [ids, start, stop], f"{place}/flat")
        shape = nodes.add("Shape", [one], f"{place}/shape")
        # allowzero: a list of no labels stays one.
        nodes.add("Reshape", [part, shape], place, allowzero=1)


def _size(nodes: Nodes, head: "FileHead", ids: str, axis: int) -> str:
    """int64 [1]: a dimension of a tensor."""
    return nodes.add("Shape", [ids], f"{ids}/size_{axis}", start=axis, end=axis + 1)


def _expanded(nodes: Nodes, values: str, sizes: list[str], place: str) -> str:
    shape = nodes.add("Concat", sizes, f"{place}/shape", axis=0)
    return nodes.add("Expand", [values, shape], place)


def _scattered(nodes: Nodes, table: str, ids: str, value: str, place: str) -> str:
    shape = nodes.add("Shape", [ids], f"{place}/shape")
    values = nodes.add("Expand", [value, shape], f"{place}/values")
    return nodes.add("ScatterElements", [table, ids, values], place, axis=1)


def _add_places(nodes: Nodes, head: "FileHead", rows: str, width: str) -> None:
    """The ceiling as one list, and where the list of each row begins in it."""
    step = partial(within_head, head.name)
    flat_shape = nodes.constant(step("ceiling/flat_shape"), [-1], np.int64)
    nodes.add("Reshape", [tensors.ceiling(head.name), flat_shape], step("ceiling/flat"))
    zero, one = (nodes.constant(step(f"order/{n}"), n, np.int64) for n in (0, 1))
    axis = nodes.constant(step("order/axis"), [1], np.int64)
    scalar = nodes.add("Squeeze", [rows], step("order/end"))
    order = nodes.add("Range", [zero, scalar, one], step("order"))
    column = nodes.add("Unsqueeze", [order, axis], step("order/column"))
    nodes.add("Mul", [column, width], step("ceiling/first"))


def add_left(
    nodes: Nodes, head: "FileHead", labels: Sequence[str], ranked: str, *, others: bool
) -> str:
    """What labels are ranked by, [rows, labels], with minus infinity for those that must not come
    back; `others` says whether it has the class of all others."""
    ceiling, step = tensors.ceiling(head.name), partial(within_head, head.name)
    if not others:
        zero, end, axis = (
            nodes.constant(step(f"labels/{at}"), [value], np.int64)
            for at, value in (("start", 0), ("end", len(labels)), ("axis", 1))
        )
        ceiling = nodes.add("Slice", [ceiling, zero, end, axis], step("ceiling/labels"))
    of_all = nodes.add("Identity", [ranked], tensors.of_all(head.name, "left"))
    return nodes.add("Min", [of_all, ceiling], step("left"))


def add_is_left(nodes: Nodes, head: "FileHead", ids: str, place: str) -> str:
    """bool [rows, k]: whether each of these labels may come back."""
    step = partial(within_head, head.name)
    places = nodes.add("Add", [ids, step("ceiling/first")], f"{place}/places")
    found = nodes.add("Gather", [step("ceiling/flat"), places], f"{place}/ceiling")
    zero = nodes.constant(f"{place}/zero", 0.0, np.float32)
    return nodes.add("Greater", [found, zero], place)


def add_shown(nodes: Nodes, head: "FileHead", labels: Sequence[str], ids: str, place: str) -> None:
    """The labels by their ids, and of_all "scores", both only of what may come back. `place` is
    where the ids of these stand."""
    step, none = partial(within_head, head.name), len(labels)
    is_left = add_is_left(nodes, head, ids, step("is_shown"))
    other = nodes.constant(step("none"), none, np.int64)
    nothing = nodes.constant(step("none/score"), 0.0, np.float32)
    shown = nodes.add("Where", [is_left, ids, other], step(place))
    scores = tensors.of_all(head.name, "scores")
    nodes.add("Where", [is_left, scores, nothing], head.outputs[1])
    add_labels(nodes, head, shown, labels)
