"""L-BFGS for a deterministic objective of a few thousand numbers, in float64.

Limited-memory quasi-Newton steps (Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms
7.4 and 7.5) with a backtracking line search that asks for sufficient decrease (ibid., 3.5). Written
here because a phase needs what a library hides: a bound on evaluations, every step's length, and
the certainty that the value never rises.
"""

from dataclasses import dataclass

import numpy as np

from trainer.phases.descent import (
    SUFFICIENT_DECREASE,
    Descent,
    Objective,
    Vector,
    is_finite,
    largest,
)

CURVATURE_FLOOR = 1e-10
MAX_TRIALS = 6


class _Pairs:
    """The last `memory` pairs of a step and the change of the gradient along it."""

    def __init__(self, memory: int) -> None:
        self._pairs: list[tuple[Vector, Vector]] = []
        self._memory = memory
        self.skipped = 0

    def add(self, step: Vector, change: Vector) -> None:
        """Keeps a pair of positive curvature; the others would make the direction an ascent."""
        if step @ change <= CURVATURE_FLOOR * np.linalg.norm(step) * np.linalg.norm(change):
            self.skipped += 1
            return
        self._pairs = [*self._pairs, (step, change)][-self._memory :]

    def direction(self, gradient: Vector) -> Vector:
        """The two-loop recursion: minus the approximate inverse Hessian times the gradient."""
        result, weights = gradient.copy(), []
        for step, change in reversed(self._pairs):
            weight = (step @ result) / (step @ change)
            weights.append(weight)
            result -= weight * change
        if self._pairs:
            step, change = self._pairs[-1]
            result *= (step @ change) / (change @ change)
        for (step, change), weight in zip(self._pairs, reversed(weights), strict=True):
            result += (weight - (change @ result) / (step @ change)) * step
        return -result

    def __bool__(self) -> bool:
        return bool(self._pairs)


def minimise(
    objective: Objective,
    start: Vector,
    *,
    max_evaluations: int,
    memory: int = 10,
    tolerance: float = 1e-6,
) -> Descent:
    """Descends from `start` until the gradient or the gain is below `tolerance`, no step helps,
    or `max_evaluations` is reached.

    >>> bowl = lambda x: (float(x @ x), 2 * x)
    >>> minimise(bowl, np.array([3.0, 4.0]), max_evaluations=20).point.round(6) + 0.0
    array([0., 0.])
    """
    point, (value, gradient) = start, objective(start)
    values, lengths, evaluations = [value], [], 1
    first_gradient = largest(gradient)
    pairs = _Pairs(memory)
    while evaluations < max_evaluations and np.isfinite(value):
        direction = pairs.direction(gradient)
        if direction @ gradient > -1e-12 * np.linalg.norm(direction) * np.linalg.norm(gradient):
            pairs, direction = _Pairs(memory), -gradient
        if not pairs:
            direction = direction * _first_length(point, gradient)
        trials = min(MAX_TRIALS, max_evaluations - evaluations)
        found = _line_search(objective, point, value, gradient, direction, trials)
        evaluations += found.trials
        if found.gradient is None:
            break
        pairs.add(found.length * direction, found.gradient - gradient)
        point, value, gradient = found.point, found.value, found.gradient
        values.append(value)
        lengths.append(found.length)
        if largest(gradient) < tolerance or _gain(values) < tolerance:
            break
    last = largest(gradient)
    return Descent(
        point, tuple(values), evaluations, tuple(lengths), first_gradient, last, pairs.skipped
    )


@dataclass(frozen=True)
class _Found:
    """A step that decreases the objective enough; without a gradient, none was found."""

    point: Vector
    value: float
    gradient: Vector | None
    length: float
    trials: int


def _line_search(
    objective: Objective,
    point: Vector,
    value: float,
    gradient: Vector,
    direction: Vector,
    max_trials: int,
) -> _Found:
    slope, length = float(gradient @ direction), 1.0
    for trial in range(1, max_trials + 1):
        candidate = point + length * direction
        new_value, new_gradient = objective(candidate)
        finite = is_finite(new_value, new_gradient)
        if finite and new_value <= value + SUFFICIENT_DECREASE * length * slope:
            return _Found(candidate, new_value, new_gradient, length, trial)
        length *= _shrink(value, slope, new_value, length) if finite else 0.1
    return _Found(point, value, None, 0.0, max_trials)


def _shrink(value: float, slope: float, new_value: float, length: float) -> float:
    """The factor to the minimum of the parabola through what is known, within [0.1, 0.5]."""
    excess = new_value - value - slope * length
    return float(np.clip(-slope * length / (2 * excess), 0.1, 0.5)) if excess > 0 else 0.5


def _first_length(point: Vector, gradient: Vector) -> float:
    """Without curvature known yet, a first step of at most a tenth of the weights' norm."""
    norm = float(np.linalg.norm(gradient))
    return min(1.0, 0.1 * max(float(np.linalg.norm(point)), 1.0) / norm) if norm > 0 else 1.0


def _gain(values: list[float]) -> float:
    before, after = values[-2:]
    return (before - after) / max(1.0, abs(after))
