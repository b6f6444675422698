"""Whether int8 products are exact here: random matrices of the shapes in use, every row compared.

onnxruntime multiplies int8 by another kernel on each kind of processor. Some cut sums of two at 16
bits, and there have been kernels that gave rows of another one or of nothing (onnxruntime#26324,
#27671), which equal numbers would hide.
"""

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from kinds.tensors import Element
from serving.model_file.added_nodes import node, tensor
from serving.model_file.file_graph import (
    GRAPH_CONSTANT,
    GRAPH_INPUT,
    GRAPH_OUTPUT,
    MODEL_GRAPH,
)
from serving.model_file.outputs import value_info
from serving.model_file.sessions import session
from serving.model_file.small_batches import batch_rows
from serving.model_file.wire import field

_MODEL_IR, _MODEL_OPSET, _OPSET_VERSION, _GRAPH_NAME = 1, 8, 2, 2
# Rows of batches that are no whole one: what is left at the end of a block.
FEW_ROWS = (1, 3, 16)
# Labels whose products are compared at a time.
SOME_LABELS = 1 << 14

Array = npt.NDArray[Any]
# x uint8 [rows, width] and a zero uint8 [] to (x - zero) w, int32 [rows, labels].
Multiply = Callable[[Array, Array], Array]


@functools.cache
def multiplies_exactly(width: int, labels: int) -> bool:
    """Whether onnxruntime does, with [width, labels] weights. One line where it does not."""
    kernel = random_kernel(width, labels)
    exact = is_exact(int8_product(kernel), kernel)
    if not exact:
        print(
            f"score: onnxruntime {onnxruntime.__version__} multiplies {width} x {labels:,} int8 "
            "numbers wrongly on this processor: labels are ranked in float32, which takes longer",
            file=sys.stderr,
        )
    return exact


def random_kernel(width: int, labels: int) -> Array:
    """int8 [width, labels]: -127 to 127, the first label's numbers as large as they can be."""
    kernel = np.random.default_rng(1).integers(-127, 128, (width, labels), np.int8)
    kernel[:, 0] = 127
    return kernel


def is_exact(multiply: Multiply, kernel: Array) -> bool:
    """Compares every element with the product in float64, which is exact for such numbers."""
    draws = np.random.default_rng(2)
    for rows in (*FEW_ROWS, batch_rows([kernel.shape[1]])):
        x = draws.integers(0, 256, (rows, len(kernel)), np.uint8)
        x[0] = 255
        for zero in (np.uint8(0), draws.integers(1, 256, dtype=np.uint8)):
            if not _equal(multiply(x, np.asarray(zero)), x.astype(np.float64) - zero, kernel):
                return False
    return True


def _equal(product: Array, x: Array, kernel: Array) -> bool:
    parts = (slice(at, at + SOME_LABELS) for at in range(0, kernel.shape[1], SOME_LABELS))
    return all(np.array_equal(product[:, part], x @ kernel[:, part]) for part in parts)


def int8_product(kernel: Array) -> Multiply:
    """As onnxruntime multiplies."""
    given: dict[str, Element] = {"x": "uint8", "zero": "uint8"}
    run = product_of("MatMulInteger", kernel, given, "int32")
    return lambda x, zero: run({"x": x, "zero": zero})


def product_of(
    operation: str, kernel: Array, given: Mapping[str, Element], product: Element
) -> Callable[[Mapping[str, Array]], Array]:
    """One operation of onnxruntime on x and a constant. `given` are its inputs, x first."""
    first, *others = given
    graph = [
        field(GRAPH_CONSTANT, tensor("w", kernel)),
        node(operation, [first, "w", *others], ["product"]),
        *(field(GRAPH_INPUT, value_info(name, kind)) for name, kind in given.items()),
        field(GRAPH_OUTPUT, value_info("product", product)),
        field(_GRAPH_NAME, b"product"),
    ]
    versions = field(_MODEL_IR, 8) + field(_MODEL_OPSET, field(_OPSET_VERSION, 17))
    loaded = session(versions + field(MODEL_GRAPH, b"".join(graph)))
    return lambda inputs: np.asarray(loaded.run(None, dict(inputs))[0])
