"""The input `category`: one value of a vocabulary."""
