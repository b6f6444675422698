"""Small batches of typed rows, one call of onnxruntime each, made side by side in threads."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy.typing as npt
import pyarrow as pa

from serving.model_file.feeds import feeds, spans
from serving.model_file.metadata import Metadata

Result = TypeVar("Result")
Arrays = dict[str, npt.NDArray[Any]]
# The first row of a batch, and the one after its last.
Span = tuple[int, int]

# Rows in one call of onnxruntime: a call costs as much as some ten rows, but logits beyond this
# leave the cache before they have been ranked.
LOGITS_IN_CACHE = 2_000_000
FEWEST_ROWS, MOST_ROWS = 16, 256


def batch_rows(entries: Sequence[int]) -> int:
    """How many rows to score at once, for heads with so many labels.

    >>> batch_rows([25_000, 27, 0]), batch_rows([0])
    (80, 256)
    """
    return min(max(LOGITS_IN_CACHE // max(1, *entries), FEWEST_ROWS), MOST_ROWS)


class SmallBatches:
    """Those of a model's rows. `workers` are threads; None: one per core."""

    def __init__(self, metadata: Metadata, workers: int | None) -> None:
        self._fields, self._lengths = metadata.fields, metadata.lengths
        self._rows = batch_rows([head.entries or 0 for head in metadata.heads])
        # The cores of this process, not those of the machine: a container may have fewer.
        self._threads = ThreadPoolExecutor(workers or len(os.sched_getaffinity(0)))

    def start(
        self, typed: pa.RecordBatch, run: Callable[[Span, Arrays], Result]
    ) -> Iterator[Result]:
        """`run(span, what the file takes)` of each batch is started now; the results come in the
        order of the rows."""
        inputs = feeds(typed, self._fields, self._lengths)

        def of(span: Span) -> Result:
            return run(span, {name: values[slice(*span)] for name, values in inputs.items()})

        # Not every operation of onnxruntime takes a batch of no rows, but these have some.
        return self._threads.map(of, spans(typed, self._fields, self._rows))
