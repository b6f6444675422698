"""What prepare does with an input that looks its values up in a vocabulary."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kinds.analysis import is_missing
from kinds.inputs.ids.numbering import missing_id, unknown_id
from kinds.inputs.ids.spec import IdsPart
from kinds.lists import have
from kinds.prepare import Anomaly, Findings, Known, Which, flat, share

UNSEEN_SHARE = 0.5


def ids_of(texts: pa.Array, known: Known) -> pa.Array:
    """int64: the id of each text, one of their own for missing ones."""
    missing = pa.scalar(missing_id(len(known.values)), pa.int64())
    return pc.if_else(is_missing(texts), missing, known.ids(texts))


def feature_names(name: str, part: IdsPart) -> list[str]:
    return [name]


def counts(name: str, part: IdsPart, features: pa.RecordBatch, size: int) -> dict[str, int]:
    ids = flat(features, name)
    return {
        "values": len(ids),
        "out_of_vocabulary": int((ids == unknown_id(size)).sum()),
        "missing": int((ids == missing_id(size)).sum()),
    }


def unknown(name: str, part: IdsPart, features: pa.RecordBatch, size: int) -> Which:
    return have(features.column(name), unknown_id(size))


def statistics(part: IdsPart, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    return {"inputs": {side: _shares(counts) for side, counts in sides.items()}}


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {
        "values": counts["values"],
        "out_of_vocabulary": share(counts, "out_of_vocabulary", "values"),
        "missing": share(counts, "missing", "values"),
    }


def same_everywhere(found: Findings) -> Iterator[Anomaly]:
    if found.said["inputs"]["train"]["missing"] == 1:
        yield "ALL_MISSING", "no training row has a value here"
    elif found.distinct == 1:
        yield "CONSTANT", "all training rows that have a value here have the same"


def unseen(found: Findings) -> Iterator[Anomaly]:
    held_out = found.said["inputs"]["eval"]
    if held_out["values"] and held_out["out_of_vocabulary"] >= UNSEEN_SHARE:
        share = f"{held_out['out_of_vocabulary']:.0%}"
        yield "UNSEEN_IN_EVAL", f"{share} of the values in eval are in no training row"
