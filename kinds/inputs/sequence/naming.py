"""Names of the features of a sequence. Standard library only."""


def weights_of(name: str) -> str:
    """The feature with the weight of each value."""
    return f"{name}.weights"
