"""A binary head in the transform graph."""

from kinds.heads.numbers.graph import features as features
