"""The input `number`: standardised, perhaps as its logarithm, or cut at quantiles and embedded."""
