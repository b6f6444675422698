"""Shared code of the inputs that look their values up in a vocabulary. Not a kind itself."""
