"""What prepare does with a regression."""

from kinds.heads.scaled.prepare import analysis as analysis
from kinds.heads.scaled.prepare import anomalies as anomalies
from kinds.heads.scaled.prepare import counts as counts
from kinds.heads.scaled.prepare import feature_names as feature_names
from kinds.heads.scaled.prepare import features as features
from kinds.heads.scaled.prepare import field as field
from kinds.heads.scaled.prepare import statistics as statistics
from kinds.heads.scaled.prepare import unknown as unknown
