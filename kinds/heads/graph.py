"""Answers of each kind of head to the transform graph."""

from kinds.answers import answers
from kinds.graph import Graph

KINDS = answers("kinds.heads", "graph", Graph)
