"""The file's network for some of its heads: typed columns in, ids of labels, scores and values out.

Two sessions may be cut out of the file. The exact one is the file's own graph, in float32, without
what leads to no result that was asked for. The coarse one ranks heads of many labels by int8
products (serving.coarse); rows that it cannot prove go through the exact one. The coarse one is
used where no probability over all labels is asked for, since that needs all logits in float32,
and where it is the faster one, which a trial says when the file is loaded.
"""

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from pipeline.failures import Exit, Failure
from serving.coarse import CANDIDATES, Bound, CoarseHead, coarse_head, largest_products
from serving.metadata import FileHead
from serving.onnx_bytes.file_graph import FileGraph
from serving.onnx_bytes.inner import Kind, only_outputs

TRIALS, TRIAL_ROWS = 3, 64
TOP_K = "top_k"

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Tensors = dict[str, tuple[str, Kind]]


class Network:
    """`run` gives `<head>.ids` and, unless `labels_only`, `<head>.scores` of heads with labels,
    and the output of any other. `top_k` is the file's own."""

    def __init__(
        self, graph: FileGraph, heads: Sequence[FileHead], *, top_k: int, labels_only: bool
    ) -> None:
        self._labels_only, self._top_k = labels_only, top_k
        tensors = {head.name: _tensors(head, labels_only=labels_only) for head in heads}
        self._exact = _Part(graph, tensors.values())
        ranked = _coarse_heads(graph, heads, labels_only=labels_only)
        self._bounds = [(head, Bound.of(head.kernel, head.bias)) for head in ranked]
        self._coarse: _Part | None = None
        if ranked:
            others = [of for name, of in tensors.items() if name not in {h.name for h in ranked}]
            coarse = _Part(graph, others, ranked)
            self._coarse = coarse if coarse.seconds() < self._exact.seconds() else None

    @property
    def is_coarse(self) -> bool:
        """Whether int8 products rank a head."""
        return self._coarse is not None

    def run(self, inputs: Mapping[str, Array], top_k: int | None) -> Arrays:
        """The outputs by name. Without `top_k` the file's own number holds."""
        if top_k is not None:
            inputs = {**inputs, TOP_K: np.array([top_k], np.int64)}
        if self._coarse is None or (top_k or self._top_k) > CANDIDATES:
            return self._exact.run(inputs)
        return self._run_coarse(inputs)

    def _run_coarse(self, inputs: Mapping[str, Array]) -> Arrays:
        assert self._coarse is not None
        results, proved = self._coarse.run(inputs), np.array(True)
        for head, bound in self._bounds:
            proved = proved & bound.proves(head, results)
            results |= self._of_head(head, results)
        if not proved.all():
            rows = np.flatnonzero(~proved)
            some = {n: v if n == TOP_K else v[rows] for n, v in inputs.items()}
            for name, values in self._exact.run(some).items():
                results[name][rows] = values
        return results

    def _of_head(self, head: CoarseHead, found: Arrays) -> Arrays:
        ids = {f"{head.name}.ids": found[head.place("ids")]}
        if self._labels_only:
            return ids
        with np.errstate(over="ignore"):
            return ids | {f"{head.name}.scores": 1 / (1 + np.exp(-found[head.place("logits")]))}


class _Part:
    """The part of a file that leads to some tensors, loaded. `tensors` maps their names in the
    results to those in the graph, with their kinds."""

    def __init__(
        self, graph: FileGraph, tensors: Iterable[Tensors], coarse: Sequence[CoarseHead] = ()
    ) -> None:
        named: Tensors = {name: at for part in tensors for name, at in part.items()}
        named |= {name: (name, kind) for head in coarse for name, kind in head.outputs.items()}
        self._names, places = list(named), list(named.values())
        self._outputs = [place for place, _ in places]
        nodes = b"".join(head.nodes() for head in coarse)
        reads = [f"/head/{head.name}/k" for head in coarse]
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
            shape = [size if isinstance(size, int) else TRIAL_ROWS for size in given.shape]
            missing = "" if given.type == "tensor(string)" else np.float32(np.nan)
            rows[given.name] = np.full(shape, missing, object if missing == "" else np.float32)
        for _ in range(TRIALS):
            started = time.perf_counter()
            self.run(rows)
            took.append(time.perf_counter() - started)
        return min(took)


def _tensors(head: FileHead, *, labels_only: bool) -> Tensors:
    if head.entries is None:
        return {name: (name, "float") for name in head.outputs}
    ids = "ids" if head.kind == "classification" else "top/at"
    found: Tensors = {f"{head.name}.ids": (f"/head/{head.name}/{ids}", "int64")}
    scores: Tensors = {f"{head.name}.scores": (f"{head.name}.scores", "float")}
    return found if labels_only else found | scores


def _coarse_heads(
    graph: FileGraph, heads: Sequence[FileHead], *, labels_only: bool
) -> list[CoarseHead]:
    """Those of which no more is asked than int8 products with a proof can give."""
    able = [head for head in heads if labels_only or head.kind == "multilabel"]
    found = [ranked for head in able if (ranked := coarse_head(graph, head))]
    return found if found and _multiplies_exactly() else []


@functools.cache
def _multiplies_exactly() -> bool:
    """Whether int8 products are exact here: some processors cut sums of two at 16 bits."""
    model, given, expected = largest_products()
    (product,) = session(model).run(None, given)
    return bool((product == expected).all())


def session(content: bytes) -> onnxruntime.InferenceSession:
    """Loads a model. Raises Failure 5 where onnxruntime refuses it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Many small batches side by side keep the cores busier than one batch shared between them.
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen exceptions without a common base
        message = " ".join(str(error).split())[:300]
        raise Failure(Exit.INTEGRITY, f"onnxruntime refused the model: {message}") from None
