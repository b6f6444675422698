"""A count in the transform graph."""

from kinds.heads.numbers.graph import features as features
