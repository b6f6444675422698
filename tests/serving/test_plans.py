"""Shares of inputs: their axioms, for functions of sets that are written out here."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from serving.explanation.plans import Plan, one_by_one, shapley

Array = np.ndarray[Any, Any]
Model = Callable[[Array], Array]

INPUTS, ROWS = 9, 5
WORTH = np.random.default_rng(3).normal(size=(INPUTS, ROWS))


def additive(there: Array) -> Array:
    return np.asarray(there @ WORTH)


def products(there: Array) -> Array:
    """Inputs 0 and 1 count together and alike, 2 by itself, and 8 not at all."""
    both = there[0] * there[1]
    return np.asarray(both * WORTH[3] + there[2] * WORTH[2] + both * there[5] * WORTH[4])


def valued(plan: Plan, model: Model) -> Array:
    return np.stack([model(there.astype(float)) for there in plan.sets])


PLANS = {
    "one by one": one_by_one(INPUTS),
    "all sets": shapley(INPUTS, 2**INPUTS),
    "orders": shapley(INPUTS, 16),
}


def test_all_inputs_come_first_and_no_set_twice() -> None:
    for plan in PLANS.values():
        assert plan.sets[0].all()
        assert len(np.unique(plan.sets, axis=0)) == len(plan.sets)


def test_one_by_one_asks_once_more_than_there_are_inputs() -> None:
    assert len(PLANS["one by one"].sets) == INPUTS + 1


@pytest.mark.parametrize("name", PLANS)
def test_shares_of_an_additive_model_are_what_each_input_adds(name: str) -> None:
    plan = PLANS[name]
    np.testing.assert_allclose(plan.shares(valued(plan, additive)), WORTH, atol=1e-12)


@pytest.mark.parametrize("name", PLANS)
def test_an_input_that_changes_nothing_has_no_share(name: str) -> None:
    plan = PLANS[name]
    np.testing.assert_allclose(plan.shares(valued(plan, products))[8], 0, atol=1e-15)


@pytest.mark.parametrize("name", ["all sets", "orders"])
def test_shapley_shares_sum_to_the_difference_from_the_empty_row(name: str) -> None:
    plan = PLANS[name]
    shares = plan.shares(valued(plan, products))
    everything, nothing = (products(np.full(INPUTS, of)) for of in (1.0, 0.0))
    np.testing.assert_allclose(shares.sum(axis=0), everything - nothing, atol=1e-12)


def test_inputs_that_count_alike_share_alike() -> None:
    exact = PLANS["all sets"].shares(valued(PLANS["all sets"], products))
    np.testing.assert_allclose(exact[0], exact[1], atol=1e-12)
    # With a third input the product is one of three, so each has a third of that part.
    np.testing.assert_allclose(exact[0], WORTH[3] / 2 + WORTH[4] / 3, atol=1e-12)
    plan = shapley(INPUTS, 40)
    sampled = plan.shares(valued(plan, products))
    assert len(plan.sets) < 2**INPUTS
    np.testing.assert_allclose(sampled, exact, atol=0.35 * np.abs(WORTH).max())


def test_all_sets_give_the_mean_over_all_orders() -> None:
    random = np.random.default_rng(1)
    table = random.normal(size=(2, 2, 2, 2, ROWS))

    def model(there: Array) -> Array:
        return np.asarray(table[tuple(there.astype(int))])

    expected = np.zeros((4, ROWS))
    for order in permutations(range(4)):
        there = np.zeros(4)
        for one in order:
            before = model(there)
            there[one] = 1
            expected[one] += (model(there) - before) / 24
    plan = shapley(4, 64)
    assert len(plan.sets) == 16
    np.testing.assert_allclose(plan.shares(valued(plan, model)), expected, atol=1e-12)
