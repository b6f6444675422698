"""The learning rate of a step: a pure function of how many came before it."""

import math


def learning_rate(
    step: int, *, base: float, schedule: str, warmup_steps: int, total_steps: int
) -> float:
    """The rate of the update that follows `step` earlier ones.

    >>> rates = dict(base=1.0, schedule="cosine", warmup_steps=2, total_steps=6)
    >>> [round(learning_rate(step, **rates), 3) for step in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup_steps:
        return base * (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    match schedule:
        case "linear":
            return base * (1 - done)
        case "cosine":
            return base * 0.5 * (1 + math.cos(math.pi * done))
        case _:
            return base
