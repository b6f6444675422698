"""Numbers of held-out rows beyond those of all training rows, by samples of the sides.

A network makes something of such a number, but no row has said what. It happens where a split looks
at the time and a column goes along with it, as a year does.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from kinds.charts import percent, rounded
from kinds.prepare import Anomaly
from pipeline import spec as specs
from pipeline.fields import Fields
from pipeline.preparing.reports import Sample
from pipeline.sides import SIDES

# So many of the numbers of a side must be beyond, and the sides must have so many rows.
MOST, LEAST_ROWS = 0.2, 20


def beyond_train(
    spec: specs.Spec, fields: Fields, samples: Mapping[str, Sample]
) -> Iterator[tuple[str, Anomaly]]:
    """What a warning is about, an input, and the warning."""
    rows = {side: samples[side].rows for side in SIDES if side in samples}
    seen: set[str] = set()
    for name in spec.inputs:
        for field in fields.inputs.get(name, ()):
            if field.output not in seen:
                seen.add(field.output)
                yield from ((name, one) for one in _of_column(rows, field.output))


def _of_column(rows: Mapping[str, pa.Table], column: str) -> Iterator[Anomaly]:
    if "train" not in rows or column not in rows["train"].schema.names:
        return
    if not pa.types.is_floating(rows["train"].schema.field(column).type):
        return
    numbers = {side: _numbers(of.column(column)) for side, of in rows.items()}
    train = numbers["train"]
    for side in SIDES[1:]:
        own = numbers.get(side, train[:0])
        if min(len(own), len(train)) < LEAST_ROWS:
            continue
        share = float(((own < train.min()) | (own > train.max())).mean())
        if share >= MOST:
            among = f"{rounded(float(train.min()))} to {rounded(float(train.max()))}"
            text = (
                f"{percent(share)} of its numbers on {side} are beyond those of the training rows, "
                f"{among}: of such numbers nothing was learned"
            )
            yield "BEYOND_TRAIN", text
            return  # one side is enough


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    numbers = np.asarray(column.to_numpy(), np.float64)
    return numbers[~np.isnan(numbers)]
