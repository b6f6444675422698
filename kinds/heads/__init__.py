"""Kinds of heads: what a model may predict. `kinds.heads.spec` has their settings."""

KINDS = ("classification", "multilabel", "binary", "regression", "count", "quantile")
