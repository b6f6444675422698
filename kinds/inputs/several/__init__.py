"""Shared code of the inputs that are several values of a vocabulary. Not a kind itself."""
