"""Answers of each kind of input to the transform graph."""

from kinds.answers import answers
from kinds.graph import Graph

KINDS = answers("kinds.inputs", "graph", Graph)
