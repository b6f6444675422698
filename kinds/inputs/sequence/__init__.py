"""The input `sequence`: a list of values of a vocabulary, of which the last few count."""
