"""A classification in the exported file: the likeliest labels and their probabilities."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kinds.heads.labels.candidates_onnx import add_ceiling, add_left, add_shown
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
    count = add_count(nodes, head, labels)
    one_more = nodes.add("Add", [count, nodes.constant(step("one"), [1], np.int64)], step("k+1"))
    ranked = logits if mixed is None else _add_mixed(nodes, head, mixed)
    add_ceiling(nodes, head, labels)
    left = add_left(nodes, head, labels, ranked, others=True)
    values, ids = add_top(nodes, step("candidates"), left, one_more)
    other = nodes.constant(step("other"), len(labels), np.int64)
    lowest = nodes.constant(step("lowest"), -np.inf, np.float32)
    is_other = nodes.add("Equal", [ids, other], step("is_other"))
    allowed = nodes.add("Where", [is_other, lowest, values], step("allowed"))
    highest, places = add_top(nodes, step("top"), allowed, count)
    best = nodes.add("GatherElements", [ids, places], of_all(head.name, "ids"), axis=1)
    scores = of_all(head.name, "scores")
    if mixed is None:
        probabilities = nodes.add("Softmax", [logits], step("probabilities"), axis=-1)
        nodes.add("GatherElements", [probabilities, best], scores, axis=1)
    else:
        relative = nodes.add("Exp", [highest], step("relative"))
        nodes.add("Mul", [relative, mixed.share], scores)
    add_shown(nodes, head, labels, best, "ids")


def _add_mixed(nodes: Nodes, head: "FileHead", mixed: Mixed) -> str:
    """[rows, n+1]: the log of the mixture's probability over the network's share.

    Only labels that a memory lists differ from the network. One memory after the other adds its
    masses, so a label of two needs no comparison of their lists. What stands for no label, -1, is
    the last class, which is never returned.
    """
    log_p = nodes.add("LogSoftmax", [output(head.name)], within_head(head.name, "log_p"), axis=-1)
    for at, (labels, masses) in enumerate(mixed.each):
        step = partial(within_head, f"{head.name}/memory_{at}")
        own = nodes.add("GatherElements", [log_p, labels], step("own"), axis=1)
        p = nodes.add("Add", [nodes.add("Exp", [own], step("p")), masses], step("sum"))
        # No mass can lower it, and where exp has run out of numbers, it is what it was.
        raised = nodes.add("Max", [own, nodes.add("Log", [p], step("log"))], step("raised"))
        log_p = nodes.add("ScatterElements", [log_p, labels, raised], step("log_p"), axis=1)
    return log_p
