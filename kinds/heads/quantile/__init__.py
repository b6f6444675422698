"""The head `quantile`: stated quantiles of a number, which never cross."""
