"""The input `number`: standardised, its logarithm too, or cut at quantiles and embedded."""
