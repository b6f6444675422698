"""Averages of a number for each value: what a memory knows of a head that predicts one number."""

FOLDS = 8
"""Training rows are dealt to so many folds, by a hash of the example."""
WIDTH = 2
"""How many numbers a memory says of a row."""


def feature_name(memory: str, head: str) -> str:
    """The feature that holds what a memory says of a head's target."""
    return f"{head}.{memory}.average"
