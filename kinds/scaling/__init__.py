"""Scales of numbers, as inputs and targets have them: standardised, or their logarithm is."""
