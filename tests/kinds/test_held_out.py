"""What counts say of held-out rows with several labels, against a recount row by row."""

import numpy as np
import pytest

from kinds.memory.back_off import Share
from kinds.memory.held_out import STRENGTHS, SeveralLabels
from kinds.memory.keys import NO_KEY

ROWS, LABELS = 600, 5
Array = np.ndarray


def rows() -> tuple[Array, Array, Array, Array]:
    """Keys of all rows, [rows, labels] whether a row has a label, which are held out, and which
    have a target."""
    draw = np.random.default_rng(1)
    keys = draw.integers(-1, 6, ROWS)
    has = draw.random((ROWS, LABELS)) < 0.1 + 0.6 * (keys[:, None] == np.arange(LABELS))
    there = draw.random(ROWS) < 0.9
    return keys, has & there[:, None], draw.random(ROWS) < 0.4, there


def of_rows() -> SeveralLabels:
    _, has, held, there = rows()
    owner, labels = np.nonzero(has)
    return SeveralLabels(owner, labels, held, np.flatnonzero(there), LABELS)


def expected(further: float) -> tuple[float, Array, Array]:
    """The loss with one memory that counts the next as so many rows, and the frequencies alone."""
    keys, has, held, there = rows()
    counted = there & ~held
    frequencies = (has[counted].sum(axis=0) + 0.5) / (counted.sum() + 1)
    losses, alone = [], []
    for row in np.flatnonzero(there & held):
        same = counted & (keys == keys[row]) & (keys[row] != NO_KEY)
        p = (has[same].sum(axis=0) + further * frequencies) / (same.sum() + further)
        losses.append(p.sum() - np.log(p[has[row]]).sum())
        alone.append(frequencies.sum() - np.log(frequencies[has[row]]).sum())
    return float(np.mean(losses)), np.array(losses), np.array(alone)


def test_the_loss_is_that_of_a_recount_with_the_strength_that_predicts_best() -> None:
    keys, *_ = rows()
    of = of_rows()
    share = of.share(keys, [(keys, 1.0)])
    assert of.alone(share) == pytest.approx(min(expected(b)[0] for b in STRENGTHS), rel=1e-12)


def test_a_memory_that_tells_nothing_is_not_chosen_and_one_that_does_is() -> None:
    keys, *_ = rows()
    of, nothing = of_rows(), np.full(ROWS, NO_KEY)
    shares = {"nothing": of.share(nothing, [(nothing, 1.0)]), "keys": of.share(keys, [(keys, 1.0)])}
    chain = of.chain(shares)
    assert chain.names == ("keys",)
    assert chain.alone == pytest.approx(expected(1.0)[2].mean(), rel=1e-12)
    assert chain.loss == of.alone(shares["keys"])
    assert isinstance(shares["nothing"], Share) and not shares["nothing"].own.any()


def test_a_row_counts_for_each_of_its_values_by_its_share() -> None:
    """As many rows under another key, at half of the weight, halve both counts."""
    keys, has, held, there = rows()
    of = of_rows()
    other = np.where(keys == NO_KEY, NO_KEY, keys + 100)
    twice = of.share(keys, [(keys, 1.0), (other, 0.5)])
    np.testing.assert_array_equal(twice.own, of.share(keys, [(keys, 1.0)]).own)
    far = of.share(other, [(keys, 1.0), (other, 0.5)])
    row = int(np.flatnonzero(there & held & (keys != NO_KEY))[0])
    same = there & ~held & (keys == keys[row])
    at = len(np.nonzero(has[held])[0]) + np.flatnonzero(np.flatnonzero(there & held) == row)[0]
    near = {0.5 * same.sum() / (0.5 * same.sum() + b) for b in STRENGTHS}
    assert any(1 - far.left[at] == pytest.approx(one) for one in near)
