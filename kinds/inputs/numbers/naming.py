"""Names of the features of an input that is one number. Standard library only."""


def missing_flag(name: str) -> str:
    """The feature that is 1 where the number was missing, and otherwise 0."""
    return f"{name}.missing"


def place_of(name: str) -> str:
    """The feature that says where the number lies among pieces of the line."""
    return f"{name}.place"
