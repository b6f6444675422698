"""L-BFGS reaches the minimum that scipy's reaches, and its value never rises on the way."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from trainer.phases.descent import Vector
from trainer.phases.descent.lbfgs import minimise

Array = NDArray[np.float64]


def falling(values: tuple[float, ...]) -> bool:
    return all(after <= before for before, after in pairwise(values))


def softmax_regression(seed: int) -> tuple[Array, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(200, 6))
    labels = (features @ rng.normal(size=(6, 4)) + rng.gumbel(size=(200, 4))).argmax(axis=1)
    return features, labels


def loss_of(features: Array, labels: NDArray[np.int64], flat: Vector) -> tuple[float, Vector]:
    """Mean cross-entropy of a linear softmax model, a small square penalty, the gradient."""
    weights = flat.reshape(features.shape[1], -1)
    logits = features @ weights
    rows = np.arange(len(labels))
    value = (logsumexp(logits, axis=1) - logits[rows, labels]).mean() + 1e-3 * (flat @ flat)
    error = softmax(logits, axis=1)
    error[rows, labels] -= 1
    return float(value), (features.T @ error / len(labels)).ravel() + 2e-3 * flat


@pytest.mark.parametrize("seed", range(5))
def test_reaches_the_minimum_of_a_convex_problem_that_scipy_reaches(seed: int) -> None:
    features, labels = softmax_regression(seed)

    def objective(flat: Vector) -> tuple[float, Vector]:
        return loss_of(features, labels, flat)

    start = np.zeros(24)
    expected = minimize(objective, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15})
    found = minimise(objective, start, max_evaluations=300, tolerance=1e-12)
    assert found.values[-1] == pytest.approx(expected.fun, abs=1e-6)
    assert falling(found.values)


def test_a_narrow_valley_is_followed_to_its_end() -> None:
    def rosenbrock(x: Vector) -> tuple[float, Vector]:
        inner = x[1] - x[0] ** 2
        gradient = np.array([-400 * x[0] * inner - 2 * (1 - x[0]), 200 * inner])
        return float(100 * inner**2 + (1 - x[0]) ** 2), gradient

    found = minimise(rosenbrock, np.array([-1.2, 1.0]), max_evaluations=500, tolerance=1e-14)
    np.testing.assert_allclose(found.point, [1, 1], atol=1e-5)
    assert falling(found.values)


@pytest.mark.parametrize("limit", [1, 2, 5, 12])
def test_never_evaluates_more_often_than_allowed(limit: int) -> None:
    features, labels = softmax_regression(0)
    calls = []

    def objective(flat: Vector) -> tuple[float, Vector]:
        calls.append(flat)
        return loss_of(features, labels, flat)

    found = minimise(objective, np.zeros(24), max_evaluations=limit, tolerance=0.0)
    assert len(calls) == found.evaluations <= limit


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_steps_into_what_is_not_finite_are_not_taken(poison: float) -> None:
    def walled(x: Vector) -> tuple[float, Vector]:
        return (poison, x) if x[0] < 0.5 else (float(x @ x), 2 * x)

    found = minimise(walled, np.array([1.0, 1.0]), max_evaluations=30)
    assert np.isfinite(found.values).all()
    assert falling(found.values)
    assert found.point[0] >= 0.5


def test_a_start_that_is_not_finite_is_given_back_as_it_was() -> None:
    start = np.ones(3)
    found = minimise(lambda x: (np.nan, x * np.nan), start, max_evaluations=30)
    assert found.evaluations == 1
    np.testing.assert_array_equal(found.point, start)
