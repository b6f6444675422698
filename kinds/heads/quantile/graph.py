"""A quantile head in the transform graph."""

from kinds.heads.scaled.graph import features as features
