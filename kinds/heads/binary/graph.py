"""A binary head in the transform graph."""

from kinds.heads.numbers.graph import features as features
from kinds.heads.numbers.graph import values as values
