"""The input `flag`: yes or no, as 1 or 0."""
