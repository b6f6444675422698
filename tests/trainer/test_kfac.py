"""K-FAC is exact where its model of the curvature is, and never makes the objective rise."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.phases.descent import Vector
from trainer.phases.descent.kfac import Factors, bend, minimise, preconditioned

Array = NDArray[np.float64]


def falling(values: tuple[float, ...]) -> bool:
    return all(after <= before for before, after in pairwise(values))


def least_squares(seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(300, 5)), rng.normal(size=(300, 3))


def half_squares(features: Array, targets: Array, flat: Vector) -> tuple[float, Vector]:
    error = features @ flat.reshape(5, 3) - targets
    gradient = features.T @ error / len(features)
    return float((error**2).sum() / 2 / len(features)), gradient.ravel()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("has_bias", [False, True])
def test_one_full_step_on_a_linear_layer_with_squared_error_is_least_squares(
    seed: int, has_bias: bool
) -> None:
    features, targets = least_squares(seed)
    if has_bias:
        features[:, -1] = 1.0
    solution = np.linalg.lstsq(features, targets, rcond=None)[0]
    found = minimise(
        lambda flat: half_squares(features, targets, flat),
        lambda _: [Factors(features.T @ features / len(features), np.eye(3))],
        np.ones(15),
        max_evaluations=2,
        damping=1e-20,
    )
    assert found.step_lengths == (1.0,)
    np.testing.assert_allclose(found.point.reshape(5, 3), solution, atol=1e-7)
    assert found.gain_ratio == pytest.approx(1.0)


def test_the_preconditioner_is_the_inverse_of_the_damped_kronecker_product() -> None:
    rng = np.random.default_rng(0)
    inward, outward = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    a, g = inward.T @ inward, outward.T @ outward
    gradient, damping = rng.normal(size=(4, 3)), 0.01
    balance = np.sqrt((np.trace(a) / 4) / (np.trace(g) / 3))
    whole = np.kron(a + balance * 0.1 * np.eye(4), g + 0.1 / balance * np.eye(3))
    expected = np.linalg.solve(whole, gradient.ravel()).reshape(4, 3)
    np.testing.assert_allclose(Factors(a, g).preconditioned(gradient, damping), expected)


def test_layers_are_preconditioned_apart_in_the_order_of_their_weights() -> None:
    rng = np.random.default_rng(0)
    squares = [(m := rng.normal(size=(9, size))).T @ m for size in (4, 3, 3, 2)]
    layers = [Factors(*squares[:2]), Factors(*squares[2:])]
    whole = np.zeros((18, 18))
    whole[:12, :12], whole[12:, 12:] = np.kron(*squares[:2]), np.kron(*squares[2:])
    gradient = rng.normal(size=18)
    expected = np.linalg.solve(whole, gradient)
    np.testing.assert_allclose(preconditioned(layers, gradient, 1e-20), expected, rtol=1e-6)
    assert bend(layers, gradient) == pytest.approx(gradient @ whole @ gradient)


def test_a_curvature_that_is_far_too_small_is_met_with_shorter_steps() -> None:
    features, targets = least_squares(0)

    def curvature(_: Vector) -> list[Factors]:
        return [Factors(features.T @ features / len(features) / 20, np.eye(3))]

    found = minimise(
        lambda flat: half_squares(features, targets, flat),
        curvature,
        np.ones(15),
        max_evaluations=12,
        damping=1e-12,
    )
    assert falling(found.values)
    assert min(found.step_lengths) < 1
    assert found.values[-1] < found.values[0]


@pytest.mark.parametrize(("share", "once"), [(1.2, True), (1.5, True), (1.9, False)])
def test_the_curvature_is_taken_again_only_after_a_poorly_foreseen_decrease(
    share: float, once: bool
) -> None:
    # A curvature too small by `share` makes steps too long by it; they gain 2 - share of what is
    # foreseen, and less than a quarter is poor.
    features, targets = least_squares(0)
    found = minimise(
        lambda flat: half_squares(features, targets, flat),
        lambda _: [Factors(features.T @ features / len(features) / share, np.eye(3))],
        np.ones(15),
        max_evaluations=5,
        damping=1e-6,
        tolerance=0.0,
    )
    assert found.gain_ratio == pytest.approx(2 - share, abs=0.01)
    assert found.curvatures == (1 if once else len(found.step_lengths))
    assert len(found.step_lengths) >= 2


def test_a_value_that_is_not_a_number_ends_the_descent_where_it_began() -> None:
    found = minimise(
        lambda flat: (np.nan, flat * np.nan),
        lambda _: [Factors(np.eye(5), np.eye(3))],
        np.ones(15),
        max_evaluations=12,
    )
    np.testing.assert_array_equal(found.point, np.ones(15))


def test_a_gradient_that_is_not_finite_is_not_stepped_on() -> None:
    def objective(flat: Vector) -> tuple[float, Vector]:
        return (1.0, np.ones(15)) if flat[0] == 1 else (0.0, flat * np.nan)

    found = minimise(
        objective, lambda _: [Factors(np.eye(5), np.eye(3))], np.ones(15), max_evaluations=12
    )
    np.testing.assert_array_equal(found.point, np.ones(15))
