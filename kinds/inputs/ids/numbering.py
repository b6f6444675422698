"""The ids of an input over a vocabulary of `size` values. Standard library only.

The values have the ids 0 to size - 1 in their order; then comes one id for every other value, and
one for a missing value, which also pads a sequence on the left.
"""


def unknown_id(size: int) -> int:
    """The id of a value that the vocabulary does not hold."""
    return size


def missing_id(size: int) -> int:
    """The id of a missing value."""
    return size + 1


def id_count(size: int) -> int:
    """How many ids there are: the rows of an embedding table."""
    return size + 2
