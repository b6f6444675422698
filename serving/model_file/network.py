"""The network of a file for some of its heads: typed columns in, ids of labels and numbers out.

Two sessions may be cut out of the file. The float32 one is the file's own graph without what leads
to no result that was asked for. The int8 one ranks heads of many labels by int8 products
(serving.model_file.int8_top_k); rows that it cannot prove go through the float32 one. It is used
where no probability over all labels is asked for, since that needs all logits in float32, and where
a trial at loading finds it faster.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.datetimes import MISSING
from kinds.heads.score import KINDS, FileHead
from kinds.tensors import TOP_K, Tensor, exclude, ids_of, only, unrestricted
from serving.model_file.file_graph import FileGraph
from serving.model_file.int8_top_k import CANDIDATES, Bound, Int8Head, int8_head
from serving.model_file.int8_trial import multiplies_exactly
from serving.model_file.outputs import only_outputs, value_info
from serving.model_file.sessions import session

TRIALS, TRIAL_ROWS = 3, 64
# What a column holds where there is no value, by its type in the file.
_NOTHING: dict[str, tuple[Any, Any]] = {
    "tensor(string)": ("", object),
    "tensor(float)": (np.nan, np.float32),
    "tensor(int64)": (MISSING, np.int64),
}
# The ids of labels that must not, or that alone may come back, where there are none.
NO_LIMIT = np.empty((1, 0), np.int64)

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Tensors = dict[str, Tensor]


class Network:
    """`run` gives the columns of the heads' results, ids instead of labels; no scores of labels if
    `labels_only`. `top_k` is the file's own. Those int64 tensors among `further` that the heads
    depend on come along, and all those `beside` them. Of the heads that are `limited` the ids of
    labels that must not and that alone may come back are given as further inputs
    (kinds.tensors.ids_of); for the others the file's nodes for that are left out."""

    def __init__(
        self,
        graph: FileGraph,
        heads: Sequence[FileHead],
        *,
        top_k: int,
        labels_only: bool,
        further: Iterable[str] = (),
        limited: Collection[str] = (),
        beside: Collection[str] = (),
    ) -> None:
        self._labels_only, self.top_k = labels_only, top_k
        lists = [ids_of(of(name), name) for name in limited for of in (exclude, only)]
        graph = _as_limited(graph, heads, limited, lists)
        tensors = {head.name: _tensors(head, labels_only=labels_only) for head in heads}
        needed = graph.leading_to({place for of in tensors.values() for place, _ in of.values()})
        along: Tensors = {place: (place, "int64") for place in further if place in needed}
        along |= {place: (place, "int64") for place in beside}
        self._float32 = _Session(graph, [*tensors.values(), along], lists)
        ranked = _int8_heads(graph, heads, labels_only=labels_only, limited=limited)
        self._bounds = [(one, Bound.of(one.kernel, one.bias)) for one in ranked]
        self._int8: _Session | None = None
        if ranked:
            names = {one.head.name for one in ranked}
            others = [of for name, of in tensors.items() if name not in names]
            int8 = _Session(graph, [*others, along], lists, ranked)
            self._int8 = int8 if int8.seconds() < self._float32.seconds() else None

    @property
    def uses_int8(self) -> bool:
        """Whether int8 products rank a head."""
        return self._int8 is not None

    def run(self, inputs: Mapping[str, Array], top_k: int | None) -> Arrays:
        """The outputs by name. Without `top_k` the file's own number holds."""
        if top_k is not None:
            inputs = {**inputs, TOP_K: np.array([top_k], np.int64)}
        if self._int8 is None or (top_k or self.top_k) > CANDIDATES:
            return self._float32.run(inputs)
        return self._proved(inputs, self._int8.run(inputs))

    def _proved(self, inputs: Mapping[str, Array], results: Arrays) -> Arrays:
        """The results of the int8 session; unproved rows are those of the float32 one."""
        proved = np.array(True)
        for ranked, bound in self._bounds:
            proved = proved & bound.proves(ranked, results)
            results |= self._of_head(ranked, results)
        if not proved.all():
            rows = np.flatnonzero(~proved)
            # The number of labels and lists of labels for all rows have the length 1.
            some = {n: v if len(v) == 1 else v[rows] for n, v in inputs.items()}
            for name, values in self._float32.run(some).items():
                results[name][rows] = values
        return results

    def _of_head(self, ranked: Int8Head, found: Arrays) -> Arrays:
        kind = KINDS[ranked.head.kind]
        labels, *scores = kind.columns(ranked.head, self._labels_only)
        made, score = {labels: found[ranked.place("ids")]}, kind.score_alone()
        if score is not None:
            made |= {column: score(found[ranked.place("logits")]) for column in scores}
        return made


class _Session:
    """The part of a file that leads to some tensors, loaded. `tensors` maps their names in the
    results to those in the graph, with what they hold. `lists` are inputs of ids of labels."""

    def __init__(
        self,
        graph: FileGraph,
        tensors: Iterable[Tensors],
        lists: Collection[str] = (),
        ranked: Sequence[Int8Head] = (),
    ) -> None:
        self._lists = lists
        named: Tensors = {name: at for part in tensors for name, at in part.items()}
        named |= {name: (name, kind) for one in ranked for name, kind in one.outputs.items()}
        self._names, places = list(named), list(named.values())
        self._outputs = [place for place, _ in places]
        nodes = b"".join(one.nodes() for one in ranked)
        reads = [name for one in ranked for name in one.reads]
        self._session = session(only_outputs(graph, dict(places), nodes, reads))
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._inputs |= {given.name for given in self._session.get_overridable_initializers()}

    def run(self, inputs: Mapping[str, Array]) -> Arrays:
        read = {name: values for name, values in inputs.items() if name in self._inputs}
        results = self._session.run(self._outputs, read)
        return dict(zip(self._names, results, strict=True))

    def seconds(self) -> float:
        """How long a batch takes at best: rows without any value."""
        rows, took = {}, []
        for given in self._session.get_inputs():
            if given.name in self._lists:
                rows[given.name] = NO_LIMIT
                continue
            shape = [size if isinstance(size, int) else TRIAL_ROWS for size in given.shape]
            rows[given.name] = np.full(shape, *_NOTHING[given.type])
        for _ in range(TRIALS):
            started = time.perf_counter()
            self.run(rows)
            took.append(time.perf_counter() - started)
        return min(took)


def _tensors(head: FileHead, *, labels_only: bool) -> Tensors:
    kind = KINDS[head.kind]
    asked = kind.columns(head, labels_only)
    return {column: tensor for column, tensor in kind.tensors(head).items() if column in asked}


def _as_limited(
    graph: FileGraph, heads: Sequence[FileHead], limited: Collection[str], lists: Collection[str]
) -> FileGraph:
    labelled = [head.name for head in heads if head.entries is not None]
    instead = [unrestricted(name) for name in labelled if name not in limited]
    given = {name: memoryview(value_info(name, "int64")) for name in lists}
    return graph.replaced({k: v for of in instead for k, v in of.items()}, given)


def _int8_heads(
    graph: FileGraph, heads: Sequence[FileHead], *, labels_only: bool, limited: Collection[str]
) -> list[Int8Head]:
    """Those of which no more is asked than int8 products with a proof can give."""
    able = [head for head in heads if labels_only or KINDS[head.kind].score_alone()]
    made = (int8_head(graph, head, is_limited=head.name in limited) for head in able)
    found = [ranked for ranked in made if ranked]
    exact = all(multiplies_exactly(*ranked.kernel.shape) for ranked in found)
    return found if exact else []
