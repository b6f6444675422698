"""Batch updates follow Adam's formula, and end no higher than they began."""

import numpy as np

from trainer.phases.descent import Vector
from trainer.phases.descent.steps import START_RATE, minimise


def bowl(x: Vector) -> tuple[float, Vector]:
    return float(x @ x), 2 * x


def test_the_first_step_has_the_length_of_the_rate_in_every_direction() -> None:
    start = np.array([3.0, -4.0, 0.5])
    found = minimise(bowl, start, max_evaluations=2)
    np.testing.assert_allclose(found.point, start - START_RATE * np.sign(start), rtol=1e-6)
    assert found.values == (bowl(start)[0], bowl(found.point)[0])


def test_two_steps_are_the_published_algorithm() -> None:
    start = np.array([1.0, -2.0])
    first = start - 0.01 * np.sign(start)
    gradients = [2 * start, 2 * first]
    m = (0.9 * 0.1 * gradients[0] + 0.1 * gradients[1]) / (1 - 0.9**2)
    v = (0.999 * 0.001 * gradients[0] ** 2 + 0.001 * gradients[1] ** 2) / (1 - 0.999**2)
    found = minimise(bowl, start, max_evaluations=3)
    np.testing.assert_allclose(found.point, first - 0.01 * m / np.sqrt(v), rtol=1e-6)


def test_a_rate_that_is_too_high_is_halved_until_the_value_falls() -> None:
    found = minimise(bowl, np.array([0.1, 0.1]), max_evaluations=30, rate=10.0)
    assert found.values[-1] < found.values[0]
    assert max(found.step_lengths) < 0.2


def test_where_only_poison_lies_around_the_start_is_the_end() -> None:
    start = np.ones(2)

    def walled(x: Vector) -> tuple[float, Vector]:
        return (1.0, np.ones(2)) if (x == start).all() else (np.nan, x)

    found = minimise(walled, start, max_evaluations=10)
    np.testing.assert_array_equal(found.point, start)
    assert found.values == (1.0,)
    assert found.evaluations == 10
