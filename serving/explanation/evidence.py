"""The network of a file for given answers: typed columns and ids of labels in, evidence out.

A few nodes are added to the file's own graph: the answer's logit, and the logarithm of what all
other labels have in sum, which is exact where the answer is all but certain, too. No labels are
ranked, so a run costs less than one that scores.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds import tensors
from kinds.heads.evidence import Evidence
from kinds.heads.score import KINDS, FileHead
from kinds.tensors import Element
from serving.model_file.added_nodes import node
from serving.model_file.file_graph import GRAPH_INPUT, FileGraph
from serving.model_file.outputs import only_outputs, value_info
from serving.model_file.sessions import session
from serving.model_file.wire import field

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


# -inf for each row: what the answer's logit becomes in the sum of the others.
_NOTHING = "/evidence/nothing"


class EvidenceNetwork:
    """`run` gives what the file says of the `answers`, ids of labels [rows] by head; a head without
    labels needs none. `further` are tensors of int64 that come along."""

    def __init__(
        self, graph: FileGraph, heads: Sequence[FileHead], further: Sequence[str] = ()
    ) -> None:
        self._heads, self._further = heads, list(further)
        outputs = {name: kind for head in heads for name, kind in _outputs(head).items()}
        outputs |= dict.fromkeys(further, "int64")
        labelled = [head.name for head in heads if head.entries is not None]
        nodes = [_nodes(head) for head in labelled]
        if labelled:
            nodes.append(field(GRAPH_INPUT, value_info(_NOTHING, "float")))
        reads = [tensors.output(head) for head in labelled]
        self._session = session(only_outputs(graph, outputs, b"".join(nodes), reads))
        self._outputs = list(outputs)
        self._reads = {given.name for given in self._session.get_inputs()}

    def run(self, rows: Arrays, answers: Arrays) -> tuple[dict[str, Evidence], dict[str, Array]]:
        """Of each head, and the further tensors by name."""
        given = {name: values for name, values in rows.items() if name in self._reads}
        for name, ids in answers.items():
            # The last label stands for the others of the first one.
            another = np.where(ids == 0, -1, 0)
            given[_place(name, "answer")] = ids[:, None]
            given[_place(name, "another")] = another[:, None]
            given[_NOTHING] = np.full((len(ids), 1), -np.inf, np.float32)
        results = dict(zip(self._outputs, self._session.run(self._outputs, given), strict=True))
        said = {h.name: _evidence(h, results, answers.get(h.name)) for h in self._heads}
        return said, {name: results[name] for name in self._further}


def _place(head: str, name: str) -> str:
    return f"/evidence/{head}/{name}"


def _outputs(head: FileHead) -> dict[str, Element]:
    if head.entries is None:
        return dict(KINDS[head.kind].tensors(head).values())
    found: dict[str, Element] = {_place(head.name, n): "float" for n in ("own", "others")}
    if head.is_mixed:
        share, labels, masses = _mixed(head)
        found |= {share: "float", labels: "int64", masses: "float"}
    return found


def _mixed(head: FileHead) -> tuple[str, str, str]:
    """The tensors of the network's share, and of all labels that memories list and their masses."""
    mixed = tensors.mixed(head.name, head.settings["memory"])
    return mixed.share, mixed.all.labels, mixed.all.masses


def _nodes(head: str) -> bytes:
    """From logits [rows, n] and ids [rows, 1] to `own` and `others` [rows, 1]. The sum over the
    others follows from the logit of one of them and its probability among them."""
    logits, place = tensors.output(head), partial(_place, head)
    answer, another, rest = place("answer"), place("another"), place("rest")
    inputs = [field(GRAPH_INPUT, value_info(name, "int64")) for name in (answer, another)]
    return b"".join(
        [
            *inputs,
            node("GatherElements", [logits, answer], [place("own")], axis=1),
            node("ScatterElements", [logits, answer, _NOTHING], [rest], axis=1),
            node("LogSoftmax", [rest], [place("log_p")], axis=-1),
            node("GatherElements", [rest, another], [place("logit")], axis=1),
            node("GatherElements", [place("log_p"), another], [place("its_log_p")], axis=1),
            node("Sub", [place("logit"), place("its_log_p")], [place("others")]),
        ]
    )


def _evidence(head: FileHead, results: Arrays, answers: Array | None) -> Evidence:
    if answers is None:
        (own,) = (results[name].astype(np.float64) for name in _outputs(head))
        return Evidence(own, *_alone(len(own)))
    own, others = (
        results[_place(head.name, name)][:, 0].astype(np.float64) for name in ("own", "others")
    )
    if not head.is_mixed:
        return Evidence(own, others, *_alone(len(own))[1:])
    share, labels, masses = (results[name] for name in _mixed(head))
    doubles = masses.astype(np.float64)
    is_answer = labels == answers[:, None]
    mass = np.where(is_answer, doubles, 0.0).sum(axis=1)
    other_mass = np.where(is_answer, 0.0, doubles).sum(axis=1)
    return Evidence(own, others, share[:, 0].astype(np.float64), mass, other_mass)


def _alone(rows: int) -> tuple[Array, Array, Array, Array]:
    """`others` and what a head without memories has of a mixture."""
    none = np.zeros(rows)
    return none, np.ones(rows), none, none
