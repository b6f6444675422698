"""What scoring multiplies with on this machine, and why: a line of `pipeline.doctor`."""

import os
import time
from collections.abc import Callable

import numpy as np

from serving.model_file.int8_trial import (
    Array,
    int8_product,
    multiplies_exactly,
    product_of,
    random_kernel,
)
from serving.model_file.small_batches import batch_rows

WIDTH, LABELS, TURNS = 128, 25_000, 5


def products() -> str:
    """Of a head with many labels: each file is tried itself when it is loaded."""
    threads = f"{len(os.sched_getaffinity(0))} threads"
    if not multiplies_exactly(WIDTH, LABELS):
        return f"float32 products, as int8 ones are wrong here; {threads}"
    times = float32_seconds() / int8_seconds()
    said = f"int8 ones are exact here and {times:.1f} times as fast"
    if times <= 1:
        return f"float32 products: {said}; {threads}"
    return f"int8 products for labels alone, float32 for probabilities: {said}; {threads}"


def int8_seconds() -> float:
    kernel = random_kernel(WIDTH, LABELS)
    x = np.random.default_rng(3).integers(0, 256, (batch_rows([LABELS]), WIDTH), np.uint8)
    multiply, zero = int8_product(kernel), np.asarray(np.uint8(128))
    return seconds(lambda: multiply(x, zero))


def float32_seconds() -> float:
    kernel = random_kernel(WIDTH, LABELS).astype(np.float32)
    x = np.random.default_rng(3).normal(size=(batch_rows([LABELS]), WIDTH)).astype(np.float32)
    multiply = product_of("MatMul", kernel, {"x": "float"}, "float")
    return seconds(lambda: multiply({"x": x}))


def seconds(product: Callable[[], Array]) -> float:
    """The best of some turns: other work slows it down."""
    took = []
    for _ in range(TURNS):
        started = time.perf_counter()
        product()
        took.append(time.perf_counter() - started)
    return min(took)
