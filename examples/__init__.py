"""Specs to copy from, and sets of real rows to try them on. No stage imports this."""
