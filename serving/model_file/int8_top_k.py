"""The best labels of a head from int8 products, each row with its proof.

A label's logit is z = x·w + b. A rounded one, z' = x'·w' + b with x' and w' of 8 bits, takes less
time, and by Cauchy and Schwarz |z - z'| <= |x - x'| max|w| + |x'| max|w - w'| = e. The labels with
the greatest z' are the candidates, and their z are computed in float32. Their k best are the k best
of all labels if the last of these has z >= z' + e of the best label that is no candidate. Rows
without that proof are for the caller to rank in float32. The added nodes are standard ONNX.

Where some labels must not come back, their z and z' are minus infinity, and the proof is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds import tensors
from kinds.heads.score import FileHead
from kinds.tensors import Element
from serving.model_file.added_nodes import node, tensor
from serving.model_file.file_graph import (
    GRAPH_CONSTANT,
    FileGraph,
    Node,
    array,
)
from serving.model_file.wire import field

# With 32, one row in twelve of the demo is left without a proof, with 48 one in two thousand.
CANDIDATES = 48
# Below this the whole product is cheap, and its labels come as soon without candidates.
FEWEST_LABELS = 2048

_FLOAT32 = 1
_ROUNDING = 2.0**-24

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Int8Head:
    """A head's last layer: the tensor of x [batch, width], w [width, labels] and b [labels]."""

    head: FileHead
    hidden: str
    kernel: Array
    bias: Array
    is_limited: bool = False
    """Whether kinds.tensors.ceiling says which labels may come back."""

    @property
    def reads(self) -> list[str]:
        """What the added nodes read of the file's own, x aside."""
        of_ceiling = [tensors.ceiling(self.head.name), *self._places()]
        return [tensors.label_count(self.head.name), *(of_ceiling if self.is_limited else [])]

    def _places(self) -> list[str]:
        return [tensors.within_head(self.head.name, f"ceiling/{of}") for of in ("flat", "first")]

    @property
    def outputs(self) -> dict[str, Element]:
        """What the added nodes give: ids and logits, and what a proof needs."""
        kinds: dict[str, Element] = {"ids": "int64", "logits": "float", "next": "float"}
        kinds |= {"rounded": "uint8", "step": "float", "zero": "uint8"}
        return {self.place(name): kind for name, kind in kinds.items()} | {self.hidden: "float"}

    def place(self, name: str) -> str:
        return f"/int8/{self.head.name}/{name}"

    def nodes(self) -> bytes:
        """The fields of a graph: from x and the head's k to `outputs`."""
        steps, rounded = rounded_columns(self.kernel)
        constants = {
            "w": rounded,
            "steps": steps,
            "b": self.bias,
            "rows": np.ascontiguousarray(self.kernel.T),
            "count": np.array([CANDIDATES + 1], np.int64),
            "last": np.array([CANDIDATES], np.int64),
            "axis": np.array([2], np.int64),
        }
        if self.is_limited:
            size = self.kernel.shape[1]
            of_labels = {"start": 0, "end": size, "labels_axis": 1}
            constants |= {name: np.array([at], np.int64) for name, at in of_labels.items()}
            constants |= {"none": np.array([size], np.int64), "no": np.zeros(1, np.float32)}
        made = [field(GRAPH_CONSTANT, tensor(self.place(n), v)) for n, v in constants.items()]
        return b"".join([*made, *self._product(), *self._candidates(), *self._exact()])

    def _product(self) -> list[bytes]:
        return [
            self._node("DynamicQuantizeLinear", [self.hidden], ["rounded", "step", "zero"]),
            self._node("MatMulInteger", ["rounded", "w", "zero"], ["whole"]),
            self._node("Cast", ["whole"], ["number"], to=_FLOAT32),
            self._node("Mul", ["step", "steps"], ["unit"]),
            self._node("Mul", ["number", "unit"], ["scaled"]),
            self._node("Add", ["scaled", "b"], ["logits_by_int8"]),
            *(self._limited() if self.is_limited else []),
        ]

    def _limited(self) -> list[bytes]:
        ceiling = [tensors.ceiling(self.head.name), "start", "end", "labels_axis"]
        return [
            self._node("Slice", ceiling, ["ceiling"]),
            self._node("Min", ["logits_by_int8", "ceiling"], ["left"]),
        ]

    def _candidates(self) -> list[bytes]:
        logits = "left" if self.is_limited else "logits_by_int8"
        return [
            self._node("TopK", [logits, "count"], ["values", "labels"], axis=-1),
            self._node("Gather", ["values", "last"], ["next"], axis=1),
        ]

    def _exact(self) -> list[bytes]:
        exact, ids = ("exact_left", "all_ids") if self.is_limited else ("exact", "ids")
        return [
            self._node("Gather", ["rows", "labels"], ["their_w"], axis=0),
            self._node("Unsqueeze", [self.hidden, "axis"], ["column"]),
            self._node("MatMul", ["their_w", "column"], ["product"]),
            self._node("Squeeze", ["product", "axis"], ["flat"]),
            self._node("Gather", ["b", "labels"], ["their_b"], axis=0),
            self._node("Add", ["flat", "their_b"], ["exact"]),
            *(self._exact_left() if self.is_limited else []),
            self._node(
                "TopK", [exact, tensors.label_count(self.head.name)], ["logits", "best"], axis=-1
            ),
            self._node("GatherElements", ["labels", "best"], [ids], axis=1),
            *(self._shown() if self.is_limited else []),
        ]

    def _exact_left(self) -> list[bytes]:
        flat, first = self._places()
        return [
            self._node("Add", ["labels", first], ["places"]),
            self._node("Gather", [flat, "places"], ["their_ceiling"], axis=0),
            self._node("Min", ["exact", "their_ceiling"], ["exact_left"]),
        ]

    def _shown(self) -> list[bytes]:
        return [
            self._node("GatherElements", ["their_ceiling", "best"], ["best_ceiling"], axis=1),
            self._node("Greater", ["best_ceiling", "no"], ["is_left"]),
            self._node("Where", ["is_left", "all_ids", "none"], ["ids"]),
        ]

    def _node(self, operation: str, inputs: list[str], outputs: list[str], **ints: int) -> bytes:
        """Names without a "/" are the head's own."""
        given, made = (
            [name if name.startswith("/") else self.place(name) for name in names]
            for names in (inputs, outputs)
        )
        return node(operation, given, made, **ints)


def int8_head(graph: FileGraph, head: FileHead, *, is_limited: bool = False) -> Int8Head | None:
    """The head, where its logits are one product with a bias and it has labels enough. With
    memories the order depends on the sum over all labels, which takes all logits in float32."""
    if head.entries is None or head.entries < FEWEST_LABELS or head.is_mixed:
        return None
    product = last_product(graph, head.name)
    add = graph.maker[tensors.output(head.name)]
    bias = next((graph.constants[name] for name in add.inputs if name in graph.constants), None)
    if product is None or bias is None:
        return None
    kernel = array(graph.constants[product.inputs[1]])[:, : head.entries]
    return Int8Head(head, product.inputs[0], kernel, array(bias)[: head.entries], is_limited)


def last_product(graph: FileGraph, head: str) -> Node | None:
    """The product of a vector with constant weights that the head's output is, a bias aside."""
    add = graph.maker[tensors.output(head)]
    product = next((graph.maker[name] for name in add.inputs if name in graph.maker), None)
    return product if product and _multiplies(graph, add, product) else None


def _multiplies(graph: FileGraph, add: Node, product: Node) -> bool:
    return (
        add.operation == "Add"
        and product.operation == "MatMul"
        and product.inputs[1] in graph.constants
    )


def rounded_columns(kernel: Array) -> tuple[Array, Array]:
    """float32 [labels] steps and int8 [width, labels]: kernel = steps * rounded, about.

    >>> rounded_columns(np.array([[127.0, 0.0], [-63.6, 0.0]], np.float32))[1].tolist()
    [[127, 0], [-64, 0]]
    """
    steps = np.abs(kernel).max(axis=0) / np.float32(127)
    steps = np.where(steps > 0, steps, 1).astype(np.float32)
    return steps, np.rint(kernel / steps).astype(np.int8)


@dataclass(frozen=True)
class Bound:
    """The greatest lengths of w and of w - w' over the labels, and of b: what a proof needs."""

    kernel: float
    rounding: float
    bias: float

    @classmethod
    def of(cls, kernel: Array, bias: Array) -> "Bound":
        steps, rounded = rounded_columns(kernel)
        exact = kernel.astype(np.float64)
        error = exact - rounded * steps.astype(np.float64)
        longest, error_at_most = (np.sqrt((m * m).sum(axis=0).max()) for m in (exact, error))
        return cls(float(longest), float(error_at_most), float(np.abs(bias).max()))

    def proves(self, head: Int8Head, outputs: Mapping[str, Array]) -> Array:
        """bool [batch]: whether the row's labels are proved to be the best ones.

        Sums of n products in float32 are within n 2^-24 |x| |w| of the true ones, twice here,
        to first order; a row that is not finite proves nothing.
        """
        step, zero = float(outputs[head.place("step")]), float(outputs[head.place("zero")])
        x = outputs[head.hidden].astype(np.float64)
        rounded = (outputs[head.place("rounded")] - zero) * step
        error, length = (np.sqrt((v * v).sum(axis=1)) for v in (x - rounded, rounded))
        bound = error * self.kernel + length * self.rounding
        products = (x.shape[1] + 4) * _ROUNDING * ((error + length) * self.kernel + self.bias)
        last, other = outputs[head.place("logits")][:, -1], outputs[head.place("next")][:, 0]
        proved: Array = last >= other + bound + 2 * products
        return proved
