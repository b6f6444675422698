"""Scores in long form: a row for each rank of each head, for tools that would not unnest.

wide   key | next.labels ["a", "b"] | next.scores [.6, .3] | left.value 2.5
long   key | head "next" | rank 1 | label "a"  | score .6
       key | head "next" | rank 2 | label "b"  | score .3
       key | head "left" | rank 1 | label null | score 2.5
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.heads.score import KINDS, FileHead
from serving.files.writers import Opener, Write

RESULTS = pa.schema(
    [("head", pa.string()), ("rank", pa.int32()), ("label", pa.string()), ("score", pa.float32())]
)


@contextmanager
def opened_long(
    opened: Opener, kept: Sequence[str], heads: Sequence[FileHead], wide: pa.Schema
) -> Iterator[Write]:
    """Like `opened`, a way to open a file; batches in wide form are written in the long one."""
    schema = pa.schema([*(wide.field(name) for name in kept), *RESULTS])
    with opened(schema) as write:

        def write_long(batch: pa.RecordBatch) -> None:
            for part in long_form(batch, kept, heads).cast(schema).to_batches():
                write(part)

        yield write_long


def long_form(wide: pa.RecordBatch, kept: Sequence[str], heads: Sequence[FileHead]) -> pa.Table:
    """Row after row, head after head, the best rank first. A score that is not there is null."""
    parts = [_of_head(wide, head) for head in heads]
    rows = np.concatenate([rows for rows, _ in parts])
    order = np.argsort(rows, kind="stable")
    results = pa.concat_tables([table for _, table in parts]).take(pa.array(order))
    carried = wide.select(kept).take(pa.array(rows[order]))
    columns = [*carried.columns, *results.columns]
    return pa.table(columns, schema=pa.schema([*carried.schema, *RESULTS]))


def _of_head(wide: pa.RecordBatch, head: FileHead) -> tuple[npt.NDArray[np.int64], pa.Table]:
    """The number of each row in the batch, and its four columns."""
    counts, labels, scores = KINDS[head.kind].ranks(head, wide)
    ends = np.cumsum(counts)
    ranks = np.arange(1, len(labels) + 1) - np.repeat(ends - counts, counts)
    names = pa.repeat(head.name, len(labels))
    columns = [names, pa.array(ranks), labels, scores]
    typed = [column.cast(kind) for column, kind in zip(columns, RESULTS.types, strict=True)]
    return np.repeat(np.arange(wide.num_rows), counts), pa.table(typed, schema=RESULTS)
