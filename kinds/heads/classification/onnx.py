"""A classification in the exported file: the likeliest labels and their probabilities."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kinds.heads.labels.onnx import add_count, add_labels, add_top
from kinds.memory.onnx import Mixed
from kinds.nodes import Nodes
from kinds.tensors import output, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead

_INT32, _BOOL = 6, 9


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed | None) -> None:
    """[rows, n+1] logits -> the best labels and their scores [rows, k].

    The class after the last label stands for all other labels. It keeps its share of the
    probability but is never returned: one candidate more than asked for is taken, and it is put
    behind the others. That reads the logits once; cutting the class off would copy them all.
    Ranked by logit, since probabilities tie where the logits still differ.
    """
    step, logits = partial(within_head, head.name), output(head.name)
    count = add_count(nodes, head, labels)
    one_more = nodes.add("Add", [count, nodes.constant(step("one"), [1], np.int64)], step("k+1"))
    values, ids = add_top(nodes, step("candidates"), logits, one_more)
    if mixed is not None:
        nodes.add("Softmax", [logits], step("probabilities"), axis=-1)
        values, ids, log_sum = _add_listed(nodes, head, mixed, values, ids)
    other = nodes.constant(step("other"), len(labels), np.int64)
    lowest = nodes.constant(step("lowest"), -np.inf, np.float32)
    is_other = nodes.add("Equal", [ids, other], step("is_other"))
    allowed = nodes.add("Where", [is_other, lowest, values], step("allowed"))
    highest, places = add_top(nodes, step("top"), allowed, count)
    best = nodes.add("GatherElements", [ids, places], step("ids"), axis=1)
    if mixed is None:
        probabilities = nodes.add("Softmax", [logits], step("probabilities"), axis=-1)
        nodes.add("GatherElements", [probabilities, best], head.outputs[1], axis=1)
    else:
        log_scores = nodes.add("Sub", [highest, log_sum], step("log_scores"))
        nodes.add("Exp", [log_scores], head.outputs[1])
    add_labels(nodes, head, best, labels)


def _add_listed(
    nodes: Nodes, head: "FileHead", mixed: Mixed, values: str, ids: str
) -> tuple[str, str, str]:
    """The candidates of the network alone to those of the mixture: their logits and ids [rows, c],
    and the log of the sum of all exp(logit) [rows, 1].

    Only a label that a memory lists can rise. Its logit becomes the one that gives it its
    probability, log(exp(z) + exp(log(sum of exp(z)) + log(mass / share))); the others keep their
    order, and so their logits. The new sum is the old one over the share of the network.
    """
    step, logits = partial(within_head, head.name), output(head.name)
    first = nodes.constant(step("first"), [0], np.int64)
    best = nodes.add("Gather", [ids, first], step("best"), axis=1)
    likeliest = nodes.add(
        "GatherElements", [step("probabilities"), best], step("likeliest"), axis=1
    )
    log_likeliest = nodes.add("Log", [likeliest], step("log_likeliest"))
    highest = nodes.add("Gather", [values, first], step("highest"), axis=1)
    log_share = nodes.add("Log", [mixed.share], step("log_share"))
    of_network = nodes.add("Sub", [highest, log_likeliest], step("log_sum_of_network"))
    log_sum = nodes.add("Sub", [of_network, log_share], step("log_sum"))
    own = nodes.add("GatherElements", [logits, mixed.labels], step("listed/own"), axis=1)
    log_mass = nodes.add("Log", [mixed.masses], step("listed/log_mass"))
    counted = nodes.add("Add", [log_sum, log_mass], step("listed/counted"))
    listed = _add_log_of_sum(nodes, partial(within_head, f"{head.name}/listed"), own, counted)
    # What a list has is no longer the network's candidate.
    to_columns, to_rows = (nodes.constant(step(f"axis_{n}"), [n], np.int64) for n in (2, 1))
    column = nodes.add("Unsqueeze", [ids, to_columns], step("column"))
    row = nodes.add("Unsqueeze", [mixed.labels, to_rows], step("row"))
    same = nodes.add("Equal", [column, row], step("same"))
    times = nodes.add("Cast", [same], step("same/1"), to=_INT32)
    times = nodes.add("ReduceSum", [times, to_columns], step("times"), keepdims=0)
    is_listed = nodes.add("Cast", [times], step("is_listed"), to=_BOOL)
    other = nodes.constant(step("no_candidate"), head.entries, np.int64)
    zero = nodes.constant(step("zero"), 0, np.int64)
    no_label = nodes.add("Less", [mixed.labels, zero], step("listed/no_label"))
    kept = nodes.add("Where", [is_listed, other, ids], step("unlisted"))
    filled = nodes.add("Where", [no_label, other, mixed.labels], step("listed/ids"))
    return (
        nodes.add("Concat", [values, listed], step("all_values"), axis=1),
        nodes.add("Concat", [kept, filled], step("all_ids"), axis=1),
        log_sum,
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
