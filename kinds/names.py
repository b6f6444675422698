"""Names of features that belong to no input and no head. Standard library only."""

WEIGHT = "row.weight"
"""How much a row counts."""
