"""What prepare does with a count."""

from kinds.columns import Field
from kinds.heads.count.spec import Counts
from kinds.heads.numbers.prepare import analysis as analysis
from kinds.heads.numbers.prepare import anomalies as anomalies
from kinds.heads.numbers.prepare import counts as counts
from kinds.heads.numbers.prepare import feature_names as feature_names
from kinds.heads.numbers.prepare import features as features
from kinds.heads.numbers.prepare import field as number_field
from kinds.heads.numbers.prepare import statistics as statistics
from kinds.heads.numbers.prepare import unknown as unknown


def field(part: Counts, column: str) -> Field:
    return number_field(part, column, nonnegative=True)
