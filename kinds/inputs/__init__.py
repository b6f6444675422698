"""Kinds of inputs: what a model may read. `kinds.inputs.spec` has their settings."""

KINDS = ("category", "sequence", "text", "number", "flag", "date", "cross", "vector")
