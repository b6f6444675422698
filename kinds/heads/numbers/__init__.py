"""Shared code of the heads whose target is one number. Not a kind itself."""
