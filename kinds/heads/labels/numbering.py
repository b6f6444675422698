"""The ids of labels in examples. Standard library only.

The labels of a vocabulary have the ids from 0 in their order, every other label the size of the
vocabulary.
"""

MISSING = -1
"""Where a row has no target."""

FILTERED = "filtered_"
"""What metrics are called first whose ranks leave out some labels of a row."""


def filtered(name: str) -> str:
    """The feature of a head with the ids of these labels.

    >>> filtered("answer")
    'answer.filtered'
    """
    return f"{name}.filtered"
