"""A classification in the exported file: the likeliest labels and their probabilities."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kinds.heads.labels.candidates_onnx import add_ceiling, add_left, add_shown
from kinds.heads.labels.mixed_onnx import Candidates, add_mixed
from kinds.heads.labels.onnx import add_count, add_top
from kinds.nodes import Nodes
from kinds.tensors import Mixed, of_all, output, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed | None) -> None:
    """[rows, n+1] logits -> the best labels and their scores [rows, k].

    The class after the last label stands for all other labels. It keeps its share of the
    probability but is never returned: one candidate more than asked for is taken, and it is put
    behind the others. That reads the logits once; cutting the class off would copy them all.
    Ranked by logit, since probabilities tie where the logits still differ.
    """
    step, logits = partial(within_head, head.name), output(head.name)
    add_ceiling(nodes, head, labels)
    left = add_left(nodes, head, labels, others=True)
    count = add_count(nodes, head, labels)
    one_more = nodes.add("Add", [count, nodes.constant(step("one"), [1], np.int64)], step("k+1"))
    values, ids = add_top(nodes, step("candidates"), left, one_more)
    if mixed is not None:
        own = nodes.add("GatherElements", [logits, mixed.labels], step("own"), axis=1)
        log_sum = _add_log_sum(nodes, head, values, ids)
        add_mixed(nodes, head, labels, mixed, Candidates(values, ids, own, log_sum))
        return
    other = nodes.constant(step("other"), len(labels), np.int64)
    lowest = nodes.constant(step("lowest"), -np.inf, np.float32)
    is_other = nodes.add("Equal", [ids, other], step("is_other"))
    allowed = nodes.add("Where", [is_other, lowest, values], step("allowed"))
    _, places = add_top(nodes, step("top"), allowed, count)
    best = nodes.add("GatherElements", [ids, places], of_all(head.name, "ids"), axis=1)
    probabilities = nodes.add("Softmax", [logits], step("probabilities"), axis=-1)
    nodes.add("GatherElements", [probabilities, best], of_all(head.name, "scores"), axis=1)
    add_shown(nodes, head, labels, best, "ids")


def _add_log_sum(nodes: Nodes, head: "FileHead", values: str, ids: str) -> str:
    """float32 [rows, 1]: the log of the sum of all exp(logit), from the best label's logit and
    probability. It is the best of all: one that is left may have none."""
    step, whole = partial(within_head, head.name), partial(of_all, head.name)
    probabilities = nodes.add("Softmax", [output(head.name)], step("probabilities"), axis=-1)
    first = nodes.constant(step("first"), [0], np.int64)
    best = nodes.add("Gather", [ids, first], step("best"), axis=1)
    nodes.add("GatherElements", [probabilities, best], whole("likeliest"), axis=1)
    nodes.add("Gather", [values, first], whole("highest"), axis=1)
    of_output, at = add_top(nodes, step("highest/top"), output(head.name), step("one"))
    highest = nodes.add("Identity", [of_output], step("highest"))
    likeliest = nodes.add("GatherElements", [probabilities, at], step("likeliest"), axis=1)
    return nodes.add(
        "Sub", [highest, nodes.add("Log", [likeliest], step("log_p"))], step("log_sum")
    )
