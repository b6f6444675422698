"""Metrics of heads, shown: which of two values is the better one."""

LOWER_IS_BETTER = ("loss", "error", "deviance")


def shortfall(metric: str, value: float) -> float:
    """
    >>> shortfall("log_loss", 0.5), shortfall("auc", 0.5)
    (0.5, -0.5)
    """
    return value if any(word in metric for word in LOWER_IS_BETTER) else -value
