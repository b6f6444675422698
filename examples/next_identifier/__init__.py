"""The demo: the next identifier in Python source code, learned from this machine's own Python."""
