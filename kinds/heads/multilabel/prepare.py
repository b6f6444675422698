"""What prepare does with a multilabel head."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field
from kinds.heads.labels.numbering import MISSING
from kinds.heads.labels.prepare import analysis as analysis
from kinds.heads.labels.prepare import feature_names as feature_names
from kinds.heads.labels.prepare import statistics as statistics
from kinds.heads.multilabel.spec import Multilabel
from kinds.lists import list_lengths, lists_of, one_each
from kinds.prepare import Anomaly, Findings, Known, Which, flat


def field(part: Multilabel, column: str) -> Field:
    return Field(column, "list", separator=part.separator)


def features(name: str, part: Multilabel, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    """Each row's known labels once, rising, or -1 where the target is missing; and how many
    labels were unknown."""
    lengths, rows, size = list_lengths(column), len(column), len(known.values)
    ids = known.ids(pc.fill_null(column.flatten(), "")).to_numpy()
    owner = np.repeat(np.arange(rows), lengths)
    unknown = np.bincount(owner[ids == size], minlength=rows).astype(np.int64)
    missing = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
    owner = np.concatenate([owner[ids < size], missing])
    ids = np.concatenate([ids[ids < size], np.full(len(missing), MISSING)])
    keys = np.unique(owner * (size + 1) + ids + 1)
    owner, ids = np.divmod(keys, size + 1)
    lists = lists_of(pa.array(ids - 1), np.bincount(owner, minlength=rows))
    return {name: lists, dropped_name(name): one_each(pa.array(unknown))}


def dropped_name(name: str) -> str:
    """How many unknown labels a row had: counted, not written to the examples."""
    return f"{name}.dropped"


def unknown(name: str, part: Multilabel, features: pa.RecordBatch, size: int) -> Which:
    return flat(features, dropped_name(name)) > 0


def counts(name: str, part: Multilabel, features: pa.RecordBatch, size: int) -> dict[str, int]:
    ids = flat(features, name)
    missing = int((ids == MISSING).sum())
    dropped = int(flat(features, dropped_name(name)).sum())
    return {
        "rows": features.num_rows,
        "missing": missing,
        "labels": len(ids) - missing + dropped,
        "out_of_vocabulary": dropped,
    }


def anomalies(part: Multilabel, found: Findings) -> Iterator[Anomaly]:
    """None: a label in one row only is nothing unusual where rows have any number of them."""
    yield from ()
