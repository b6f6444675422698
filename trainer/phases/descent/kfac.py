"""K-FAC steps for the dense layers of a block that many inputs share.

The curvature of the loss in a layer's matrix W [inputs, outputs], a bias being its last row, is
approximated by a Kronecker product of the second moments of what goes in (A) and of the gradients
that come back (G), that between layers by nothing: Martens and Grosse 2015, arXiv:1503.05671,
sections 3 and 4.2; for weights shared over several places Eschenhagen et al. 2023,
arXiv:2311.00636, "expand". Its inverse is two small solves a layer. Damping is factored as in the
former, section 6.3, and adapted by how well the quadratic model foresaw the decrease (ibid., 6.5).
The curvature is kept from step to step while it foresees well, as they keep theirs for some steps
(ibid., section 8): to take it costs more than an evaluation of the objective over the same rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.phases.descent import (
    SUFFICIENT_DECREASE,
    Descent,
    Objective,
    Vector,
    is_finite,
    largest,
)

Matrix = NDArray[np.float64]

MAX_TRIALS = 6
# A smaller share of the foreseen decrease is poorly foreseen, a larger one than the other well.
POOR, GOOD = 0.25, 0.75
START_DAMPING = 1e-3


@dataclass(frozen=True)
class Factors:
    """Of one layer: second moments of its inputs [inputs, inputs] and of the gradients by its sums
    [outputs, outputs]. With a bias, the last input is always 1."""

    inputs: Matrix
    gradients: Matrix

    def preconditioned(self, gradient: Matrix, damping: float) -> Matrix:
        """The damped inverse of the Kronecker product, applied to a gradient [inputs, outputs]."""
        balance = self._balance()
        left = self.inputs + balance * np.sqrt(damping) * np.eye(len(self.inputs))
        right = self.gradients + np.sqrt(damping) / balance * np.eye(len(self.gradients))
        return np.asarray(np.linalg.solve(right, np.linalg.solve(left, gradient).T).T)

    def bend(self, direction: Matrix) -> float:
        """The second derivative along a direction."""
        return float(np.sum(direction * (self.inputs @ direction @ self.gradients)))

    def _balance(self) -> float:
        means = [np.trace(m) / len(m) for m in (self.inputs, self.gradients)]
        return float(np.sqrt(means[0] / means[1])) if min(means) > 0 else 1.0


# The layers of a block, in the order in which its weights are flattened.
Curvature = Sequence[Factors]


def matrices(curvature: Curvature, flat: Vector) -> list[Matrix]:
    """A flattened block as one matrix [inputs, outputs] for each layer."""
    shapes = [(len(layer.inputs), len(layer.gradients)) for layer in curvature]
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    parts = np.split(flat, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def preconditioned(curvature: Curvature, gradient: Vector, damping: float) -> Vector:
    """Each layer's damped inverse applied to its part of a flattened gradient."""
    pairs = zip(curvature, matrices(curvature, gradient), strict=True)
    return np.concatenate([layer.preconditioned(part, damping).ravel() for layer, part in pairs])


def bend(curvature: Curvature, direction: Vector) -> float:
    """The second derivative along a flattened direction."""
    pairs = zip(curvature, matrices(curvature, direction), strict=True)
    return sum(layer.bend(part) for layer, part in pairs)


def minimise(
    objective: Objective,
    curvature_at: Callable[[Vector], Curvature],
    start: Vector,
    *,
    max_evaluations: int,
    damping: float = START_DAMPING,
    tolerance: float = 1e-6,
) -> Descent:
    """Descends from `start`, the flattened block.

    A step that does not decrease the objective enough is halved. Where it brings much less than
    was foreseen, the curvature is taken again. The descent ends where no half helps, where gradient
    or gain are below `tolerance`, or after `max_evaluations`.
    """
    point, (value, gradient) = start, objective(start)
    values, lengths, evaluations, ratio = [value], [], 1, None
    curvature, curvatures = None, 0
    first_gradient = largest(gradient)
    while evaluations < max_evaluations and is_finite(value, gradient):
        if curvature is None:
            curvature, curvatures = curvature_at(point), curvatures + 1
        direction = -preconditioned(curvature, gradient, damping)
        slope = float(gradient @ direction)
        trials = min(MAX_TRIALS, max_evaluations - evaluations)
        step = _halved(objective, point, value, direction, slope, trials)
        evaluations += step.trials
        if step.gradient is None:
            break
        foreseen = -step.length * slope - step.length**2 / 2 * bend(curvature, direction)
        ratio = (value - step.value) / foreseen if foreseen > 0 else None
        damping *= _damping_change(ratio)
        if _is_poor(ratio):
            curvature = None
        gain = value - step.value
        point, value, gradient = step.point, step.value, step.gradient
        values.append(value)
        lengths.append(step.length)
        if largest(gradient) < tolerance or gain < tolerance * max(1.0, abs(value)):
            break
    return Descent(
        point=point,
        values=tuple(values),
        evaluations=evaluations,
        step_lengths=tuple(lengths),
        first_gradient=first_gradient,
        last_gradient=largest(gradient),
        curvatures=curvatures,
        damping=damping,
        gain_ratio=ratio,
    )


@dataclass(frozen=True)
class _Step:
    """A step that decreases the objective enough; without a gradient, none was found."""

    point: Vector
    value: float
    gradient: Vector | None
    length: float
    trials: int


def _halved(
    objective: Objective,
    point: Vector,
    value: float,
    direction: Vector,
    slope: float,
    max_trials: int,
) -> _Step:
    length = 1.0
    for trial in range(1, max_trials + 1):
        candidate = point + length * direction
        new_value, gradient = objective(candidate)
        enough = value + SUFFICIENT_DECREASE * length * slope
        if is_finite(new_value, gradient) and new_value <= enough:
            return _Step(candidate, new_value, gradient, length, trial)
        length /= 2
    return _Step(point, value, None, 0.0, max_trials)


def _damping_change(ratio: float | None) -> float:
    """Less damping where the model foresaw the decrease well, more where it did not."""
    if _is_poor(ratio):
        return 1.5
    return 2 / 3 if ratio is not None and ratio > GOOD else 1.0


def _is_poor(ratio: float | None) -> bool:
    return ratio is None or ratio < POOR
