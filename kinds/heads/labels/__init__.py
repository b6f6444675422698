"""Shared code of the heads that predict labels of a vocabulary. Not a kind itself."""
