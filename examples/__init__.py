"""Specs to copy from, and two sets of real rows to try them on. No stage imports this."""
