"""Plain batch updates of a block: steps of Adam along full gradients (Kingma and Ba 2015,
arXiv:1412.6980, algorithm 1), with a way back.

The nearest thing to what was asked for, "a batch update every few epochs": each evaluation sees
all rows of the phase. A step after which the objective is higher is taken back, and the next one is
half as long.
"""

import numpy as np

from trainer.phases.descent import Descent, Objective, Vector, is_finite, largest

BETAS = (0.9, 0.999)
EPSILON = 1e-8
START_RATE = 1e-2
# Rounding in float32 sums moves the value by about this share; it is no reason to go back.
NOISE = 1e-6


def minimise(
    objective: Objective, start: Vector, *, max_evaluations: int, rate: float = START_RATE
) -> Descent:
    """Takes `max_evaluations` - 1 steps and gives the lowest point that it met."""
    point, (value, gradient) = start, objective(start)
    first_gradient, evaluations, lengths = largest(gradient), 1, []
    best, values, last_gradient = start, [value], first_gradient
    moments = _Moments(start)
    while evaluations < max_evaluations and is_finite(value, gradient):
        candidate = point - rate * moments.direction(gradient)
        new_value, new_gradient = objective(candidate)
        evaluations += 1
        if not is_finite(new_value, new_gradient) or new_value > value + NOISE * abs(value):
            rate, moments = rate / 2, _Moments(start)
            continue
        point, value, gradient = candidate, new_value, new_gradient
        if value < values[-1]:
            best, last_gradient = point, largest(gradient)
            values.append(value)
            lengths.append(rate)
    return Descent(best, tuple(values), evaluations, tuple(lengths), first_gradient, last_gradient)


class _Moments:
    """The running means of the gradient and of its square."""

    def __init__(self, like: Vector) -> None:
        self._first, self._second, self._steps = np.zeros_like(like), np.zeros_like(like), 0

    def direction(self, gradient: Vector) -> Vector:
        """Takes a gradient in and gives the direction of a step of Adam with rate 1."""
        self._steps += 1
        self._first = BETAS[0] * self._first + (1 - BETAS[0]) * gradient
        self._second = BETAS[1] * self._second + (1 - BETAS[1]) * gradient**2
        first = self._first / (1 - BETAS[0] ** self._steps)
        second = self._second / (1 - BETAS[1] ** self._steps)
        return first / (np.sqrt(second) + EPSILON)
