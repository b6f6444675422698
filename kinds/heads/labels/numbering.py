"""The ids of labels in examples. Standard library only.

The labels of a vocabulary have the ids from 0 in their order, every other label the size of the
vocabulary.
"""

MISSING = -1
"""Where a row has no target."""
