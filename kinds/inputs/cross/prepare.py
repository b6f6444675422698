"""What prepare does with a cross."""

from collections.abc import Iterator, Mapping
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field
from kinds.inputs.cross.spec import Cross
from kinds.inputs.ids.prepare import UNSEEN_SHARE, same_everywhere
from kinds.inputs.ids.prepare import counts as counts
from kinds.inputs.ids.prepare import feature_names as feature_names
from kinds.inputs.ids.prepare import statistics as statistics
from kinds.inputs.ids.prepare import unknown as unknown
from kinds.inputs.pairs.codes import codes_of
from kinds.inputs.pairs.prepare import ids_of
from kinds.lists import one_each
from kinds.prepare import Anomaly, Findings, Known


def field(part: Cross, column: str) -> NoReturn:
    raise AssertionError("a cross reads no column")


def analysis(part: Cross, field: Field) -> NoReturn:
    raise AssertionError("a cross reads no column")


def features(
    name: str, part: Cross, column: Mapping[str, pa.Array], known: Known
) -> dict[str, pa.Array]:
    """`column` has the features of the inputs that are crossed."""
    ids = [ids_of(key, column) for key in known.keys]
    codes = codes_of(ids, [key.values for key in known.keys])
    found = pc.index_in(pa.array(codes), pa.array(known.codes))
    return {name: one_each(pc.fill_null(found, len(known.codes)).cast(pa.int64()))}


def anomalies(part: Cross, found: Findings) -> Iterator[Anomaly]:
    yield from same_everywhere(found)
    held_out = found.said["inputs"]["eval"]
    if held_out["values"] and held_out["out_of_vocabulary"] >= UNSEEN_SHARE:
        share = f"{held_out['out_of_vocabulary']:.0%}"
        why = "rare in the training rows, or with a value that is unknown or missing"
        yield "UNSEEN_IN_EVAL", f"{share} of the pairs in eval have no id: {why}"
