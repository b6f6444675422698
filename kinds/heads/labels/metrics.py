"""What the metrics of heads over a vocabulary have in common. NumPy only."""

# Accuracy, precision and recall are measured among this many of the best labels.
CUTS = (1, 5, 10)
