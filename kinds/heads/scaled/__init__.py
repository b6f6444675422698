"""Shared code of the heads that predict a number on a scale. Not a kind itself."""
