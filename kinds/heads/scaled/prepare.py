"""What prepare does with a head that predicts a number on a scale."""

import numpy as np
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.heads.numbers.prepare import anomalies as anomalies
from kinds.heads.numbers.prepare import counts as counts
from kinds.heads.numbers.prepare import feature_names as feature_names
from kinds.heads.numbers.prepare import field as number_field
from kinds.heads.numbers.prepare import statistics as statistics
from kinds.heads.numbers.prepare import unknown as unknown
from kinds.heads.scaled.spec import ScaledPart
from kinds.lists import one_each
from kinds.prepare import Known
from kinds.scaling.prepare import scaled


def field(part: ScaledPart, column: str) -> Field:
    return number_field(part, column)


def analysis(part: ScaledPart, field: Field) -> Analysis:
    return Analysis(field, scale=None if part.scale == "none" else part.scale)


def features(name: str, part: ScaledPart, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    numbers = scaled(part.scale, column.to_numpy(zero_copy_only=False), known)
    return {name: one_each(pa.array(numbers.astype(np.float32, copy=False)))}
