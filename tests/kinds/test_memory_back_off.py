"""Counts backed off: the formula in plain Python, and which memories are worth having."""

import math
from collections import Counter

import numpy as np
import pytest

from kinds.memory import back_off
from kinds.memory.back_off import Pairs, Share
from kinds.memory.label_counts import LabelCounts, of_pairs

LABELS = 6
Table = list[tuple[int, int]]


def table(seed: int, rows: int = 200) -> Table:
    draw = np.random.default_rng(seed)
    keys = (8 * draw.random(rows) ** 2).astype(int)
    labels = (keys + (LABELS * draw.random(rows) ** 2).astype(int)) % LABELS
    return list(zip(keys.tolist(), labels.tolist(), strict=True))


def counted(pairs: Table) -> LabelCounts:
    distinct = Counter(pairs)
    keys, labels = (np.array(one) for one in zip(*distinct, strict=True))
    rows = np.array(list(distinct.values()))
    return of_pairs(keys, labels, rows.astype(float), rows, most=64)


def in_plain_python(tables: list[Table], keys: list[int], last: list[float]) -> list[float]:
    """The probabilities of all labels of a row that has one key a table."""
    if not tables:
        return last
    after = in_plain_python(tables[1:], keys[1:], last)
    pairs = Counter(tables[0])
    once, twice = (sum(count == times for count in pairs.values()) for times in (1, 2))
    less = min(0.95, max(0.1, once / (once + 2 * twice)))
    own = {label: count for (key, label), count in pairs.items() if key == keys[0]}
    if not own:
        return after
    total = sum(own.values())
    left = less * len(own) / total
    return [
        max(own.get(label, 0) - less, 0) / total + left * after[label] for label in range(LABELS)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_probabilities_are_those_of_the_formula_and_sum_to_one(seed: int) -> None:
    tables = [table(seed), table(seed + 10, 30)]
    last = back_off.frequencies(np.array([label for _, label in tables[0]]), LABELS)
    keys = np.random.default_rng(seed).integers(-1, 10, (2, 50))
    memories = list(zip(map(counted, tables), keys, strict=True))
    found = back_off.probabilities(memories, last, 50)
    expected = [in_plain_python(tables, row, last.tolist()) for row in keys.T.tolist()]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_said_of_held_out_labels_is_their_probability(seed: int) -> None:
    first, asked = table(seed), table(seed + 1, 70)
    keys, labels = (np.array(one) for one in zip(*asked, strict=True))
    columns = (np.array(one) for one in zip(*first, strict=True))
    share = back_off.share(Pairs(*columns), Pairs(keys, labels), LABELS)
    last = np.full(LABELS, 1 / LABELS)
    whole = back_off.probabilities([(counted(first), keys)], last, len(keys))
    np.testing.assert_allclose(share.own + share.left / LABELS, whole[np.arange(70), labels])


def test_labels_that_nobody_has_are_as_probable_as_those_that_occur_once() -> None:
    found = back_off.frequencies(np.array([0, 0, 0, 1, 2]), 4)
    np.testing.assert_allclose(found, np.array([3, 1, 1, 2]) / 7)
    found = back_off.frequencies(np.array([0, 0, 0, 1, 2]), 5)
    np.testing.assert_allclose(found, np.array([3, 1, 1, 1, 1]) / 7)


def test_the_scale_of_weights_does_not_matter() -> None:
    keys, labels = (np.array(one) for one in zip(*table(1), strict=True))
    one, other = (
        back_off.share(Pairs(keys, labels, np.full(len(keys), scale)), Pairs(keys, labels), LABELS)
        for scale in (1.0, 0.01)
    )
    np.testing.assert_allclose(one.own, other.own)
    np.testing.assert_allclose(one.left, other.left)


def noisy(seed: int, knows: float) -> Share:
    """A memory that knows a share of the rows, and gives their labels half of what there is."""
    known = np.random.default_rng(seed).random(1000) < knows
    return Share(np.where(known, 0.5, 0.0), np.where(known, 0.5, 1.0))


def test_memories_that_help_are_chosen_and_what_each_is_worth_is_the_loss_without_it() -> None:
    shares = {
        "much": noisy(1, 0.8),
        "some": noisy(2, 0.3),
        "none": Share(np.zeros(1000), np.ones(1000)),
    }
    last = np.full(1000, 0.01)
    found = back_off.chain(shares, last)
    assert set(found.names) == {"much", "some"}
    ordered = [shares[name] for name in found.names]
    assert found.alone == pytest.approx(-math.log(0.01))
    assert found.loss == pytest.approx(back_off.loss_of(ordered, last))
    for name, gain in found.gains():
        (other,) = set(found.names) - {name}
        assert gain == pytest.approx(1 - found.loss / back_off.loss_of([shares[other]], last))


def test_what_knows_more_is_asked_first() -> None:
    """One that is right where it knows something, before one that is vague about every row."""
    known = np.arange(1000) < 400
    exact = Share(np.where(known, 0.9, 0.0), np.where(known, 0.1, 1.0))
    vague = Share(np.full(1000, 0.2), np.full(1000, 0.05))
    found = back_off.chain({"vague": vague, "exact": exact}, np.full(1000, 0.01))
    assert found.names == ("exact", "vague")


def test_a_memory_that_another_makes_superfluous_goes() -> None:
    """The first that is taken is the best alone, and then two better ones together know all."""
    at = np.arange(1000)
    broad = Share(np.full(1000, 0.25), np.full(1000, 0.5))
    halves = [
        Share(np.where(own, 0.5, 0.0), np.where(own, 0.0, 1.0)) for own in (at < 500, at >= 500)
    ]
    shares = {"broad": broad, "even": halves[0], "odd": halves[1]}
    assert set(back_off.chain(shares, np.full(1000, 0.2)).names) == {"even", "odd"}


def test_nothing_is_chosen_where_nothing_helps() -> None:
    assert back_off.chain({}, np.full(10, 0.5)).names == ()
    useless = Share(np.zeros(10), np.ones(10))
    assert back_off.chain({"useless": useless}, np.full(10, 0.5)).names == ()


def test_what_helps_by_chance_alone_is_not_chosen() -> None:
    """A hundred memories of nothing, of which the best gains more than .5 % on few rows."""
    last = np.full(200, 0.2)
    shares = {}
    for seed in range(100):
        own = np.random.default_rng(seed).choice([0.0, 0.2], 200, p=[0.725, 0.275])
        shares[str(seed)] = Share(own, np.full(200, 0.8))
    best = min(back_off.loss_of([one], last) for one in shares.values())
    assert best < 0.995 * back_off.loss_of([], last)
    assert back_off.chain(shares, last).names == ()
