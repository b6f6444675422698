"""Shared code of the inputs that are one number. Not a kind itself."""
