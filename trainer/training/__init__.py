"""Training a run: steps, phases and evaluation, an epoch after the other."""
