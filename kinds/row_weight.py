"""The weight of a row among its features."""

WEIGHT = "row.weight"
