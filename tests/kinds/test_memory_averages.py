"""Averages by value, out of fold: equal to a recount without the row's fold, and bounded."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from kinds.inputs.keys import Key
from kinds.lists import one_each
from kinds.memory.averages import FOLDS
from kinds.memory.averages.choice import chosen, out_of_fold
from kinds.memory.averages.counting import FoldSums, added, averages, counted, merged
from kinds.memory.averages.table import LINKS, strength_of, table
from kinds.memory.keys import Keys
from kinds.names import WEIGHT

KEYS = Keys((Key("maker", 12, unknown=10, missing=11),))


def rows(count: int, seed: int) -> tuple[pa.RecordBatch, np.ndarray]:
    draw = np.random.default_rng(seed)
    makers = draw.integers(0, 12, count)
    target = np.where(draw.random(count) < 0.1, np.nan, draw.normal(makers % 3, 1.0))
    columns = {"maker": makers, "price": target.astype(np.float32)}
    columns[WEIGHT] = draw.choice([0.0, 0.5, 2.0], count).astype(np.float32)
    lists = {name: one_each(pa.array(values)) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict(lists), draw.integers(0, FOLDS, count)


def in_batches(batch: pa.RecordBatch, folds: np.ndarray, size: int) -> FoldSums:
    parts = []
    for at in range(0, batch.num_rows, size):
        own = batch.slice(at, size)
        parts.append(counted(FoldSums(), KEYS, own, "price", folds[at : at + size]))
    return merged(parts)


@pytest.mark.parametrize("size", [7, 100, 1000])
def test_sums_by_fold_are_those_of_the_rows_with_a_target(size: int) -> None:
    batch, folds = rows(1000, seed=1)
    found = averages(in_batches(batch, folds, size), min_count=1)
    maker, target, weight = (
        batch.column(name).flatten().to_numpy() for name in ("maker", "price", WEIGHT)
    )
    for place, key in enumerate(found.keys.tolist()):
        for fold in range(FOLDS):
            own = (maker == key) & (folds == fold) & ~np.isnan(target)
            assert found.weights[place, fold] == pytest.approx(weight[own].sum())
            assert found.sums[place, fold] == pytest.approx((weight * target)[own].sum(), abs=1e-4)
    assert found.keys.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]


def test_a_training_row_reads_the_average_of_the_other_folds_and_new_rows_that_of_all() -> None:
    batch, folds = rows(500, seed=2)
    found = averages(in_batches(batch, folds, 50), min_count=1)
    strength, made = strength_of(found), table(found, "identity")
    maker, target, weight = (
        batch.column(name).flatten().to_numpy().astype(np.float64)
        for name in ("maker", "price", WEIGHT)
    )
    there, target = ~np.isnan(target), np.nan_to_num(target)

    def away(key: int, fold: int) -> tuple[float, float]:
        others = there & (folds != fold)
        mean = (weight * target)[others].sum() / weight[others].sum()
        own = others & (maker == key)
        drawn = ((weight * target)[own].sum() + strength * mean) / (weight[own].sum() + strength)
        return drawn - mean, np.log1p(weight[own].sum())

    expected = np.array(
        [[away(key, fold) for key in found.keys.tolist()] for fold in range(FOLDS + 1)]
    )
    counts = found.weights.T[..., None]
    deviation = np.sqrt((counts * expected[:-1] ** 2).sum((0, 1)) / found.weight.sum())
    assert np.allclose(made[:, :-1], expected / deviation, atol=1e-5)
    assert (made[:, -1] == 0).all()


@pytest.mark.parametrize("link", LINKS)
def test_what_is_read_does_not_depend_on_the_targets_of_the_own_fold(link: str) -> None:
    draw = np.random.default_rng(3)
    weights = draw.integers(0, 5, (4, FOLDS)).astype(float)
    sums = weights * draw.random((4, FOLDS))
    made = replace(averages(FoldSums(), 1), keys=np.arange(4), weights=weights, sums=sums)
    made = replace(made, weight=weights.sum(0), total=sums.sum(0))
    other = sums.copy()
    other[:, 2] = weights[:, 2] - other[:, 2]
    changed = replace(made, sums=other, total=other.sum(0))
    one, two = table(made, link)[2, :, 0], table(changed, link)[2, :, 0]
    # Up to the common scale, which is one number of all rows, and the strength.
    if strength_of(made) == strength_of(changed):
        assert np.corrcoef(one, two)[0, 1] == pytest.approx(1.0)


def test_beyond_the_limit_the_values_with_the_fewest_rows_go_and_the_loss_is_stated() -> None:
    draw = np.random.default_rng(4)
    keys = np.repeat(np.arange(400), np.arange(400) // 10 + 1)
    draw.shuffle(keys)
    many = Keys((Key("maker", 400),))
    sums = FoldSums(limit=800)
    for part in np.array_split(keys, 20):
        columns = {"maker": part, "price": np.ones(len(part), np.float32)}
        batch = pa.RecordBatch.from_pydict(
            {name: one_each(pa.array(values)) for name, values in columns.items()}
        )
        sums = counted(sums, many, batch, "price", draw.integers(0, FOLDS, len(part)))
        assert sum(one.num_rows for one in sums.parts) <= 2 * 800 + len(part)
    sums = added(sums)
    found = averages(sums, 1)
    own = np.bincount(keys, minlength=400)
    rows_found = dict(zip(found.keys.tolist(), found.weights.sum(1).tolist(), strict=True))
    assert sums.lost > 0
    for key, count in enumerate(own.tolist()):
        assert count - sums.lost <= rows_found.get(key, 0) <= count
    assert sums.weight.sum() == len(keys)


def test_the_strength_is_that_which_predicts_the_other_folds_best() -> None:
    draw = np.random.default_rng(5)
    weights = draw.integers(1, 4, (300, FOLDS)).astype(float)
    means = draw.normal(0, 1, 300)
    loud = weights * (means[:, None] + draw.normal(0, 0.1, weights.shape))
    noise = weights * draw.normal(0, 1, weights.shape)
    for sums, small in ((loud, True), (noise, False)):
        made = replace(averages(FoldSums(), 1), keys=np.arange(300), weights=weights, sums=sums)
        made = replace(made, weight=weights.sum(0), total=sums.sum(0))
        assert (strength_of(made) <= 2) == small


def test_averages_are_taken_as_long_as_they_explain_more() -> None:
    draw = np.random.default_rng(6)
    one, other, noise = (draw.normal(size=2000) for _ in range(3))
    target = one + 0.5 * other + draw.normal(size=2000)
    columns = {"noise": noise, "other": other, "again": 2 * one, "one": one}
    found = chosen(columns, target, most=10)
    assert list(found) in (["one", "other"], ["again", "other"])
    explained = 1 - (1 - found["other"]) * (1 - next(iter(found.values())))
    design = np.column_stack([one, other]) - [one.mean(), other.mean()]
    away = target - target.mean()
    fitted = design @ np.linalg.lstsq(design, away, rcond=None)[0]
    assert explained == pytest.approx(1 - ((away - fitted) ** 2).sum() / (away**2).sum(), rel=1e-4)
    assert list(chosen(columns, target, most=1)) in (["one"], ["again"])
    assert not chosen({"constant": np.ones(2000)}, target, most=3)
    assert not chosen({}, target, most=3)


def test_a_value_says_nothing_of_its_own_row_in_choosing() -> None:
    draw = np.random.default_rng(7)
    target, folds = draw.normal(size=400), draw.integers(0, FOLDS, 400)
    alone = out_of_fold(np.arange(400), folds, target, "identity")
    assert np.abs(alone).max() < 1e-6
