"""The head `count`: a count, by a Poisson loss with a logarithmic link."""
