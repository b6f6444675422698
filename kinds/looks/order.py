"""Whether the order of numbers means anything: by how often each occurs, and by a target."""

import numpy as np

_FEW_PAIRS = 20
_SEED = 1


def roughness(values: np.ndarray, counts: np.ndarray) -> float | None:
    """How different the counts of neighbouring numbers are: near 0 where they differ by chance
    only, as those of amounts do, near 1 where they differ as those of any two. None where the
    counts tell nothing.

    >>> numbers = np.arange(100.0)
    >>> roughness(numbers, np.round(1000 * np.exp(-numbers / 20)) + 50) < 0.1
    True
    """
    if len(values) <= _FEW_PAIRS:
        return None
    rising = counts[np.argsort(values)].astype(np.float64)
    mixed = np.random.default_rng(_SEED).permutation(rising)
    near, any_two = _differences(rising), _differences(mixed)
    if any_two < 2:
        return None
    return float(max(0.0, near - 1) / (any_two - 1))


def _differences(counts: np.ndarray) -> float:
    """Squares of differences by what they are by chance: 1 on average where nothing else is."""
    one, other = counts[:-1], counts[1:]
    return float(np.median((one - other) ** 2 / (one + other)) / 0.4549)


def smoothness(numbers: np.ndarray, target: np.ndarray) -> float | None:
    """How far the targets of a number are those of its neighbours: near 1 where the target follows
    the order of the numbers, near 0 where each number has a target of its own. None where the
    target hardly depends on the numbers, or there are too few to tell.
    """
    there = np.isfinite(numbers) & np.isfinite(target)
    values, place = np.unique(numbers[there], return_inverse=True)
    rows = np.bincount(place)
    if len(values) <= _FEW_PAIRS:
        return None
    sums = np.bincount(place, target[there])
    squares = np.bincount(place, target[there] ** 2)
    several = rows >= 2
    within = (squares - sums**2 / rows)[several].sum() / max(1, (rows[several] - 1).sum())
    means, rows = (sums / rows)[several], rows[several]
    if several.sum() <= _FEW_PAIRS or within <= 0:
        return None
    order = np.random.default_rng(_SEED).permutation(len(means))
    near, any_two = (_apart(means[o], rows[o], within) for o in (np.arange(len(means)), order))
    if any_two < 1 + 4 * np.sqrt(3 / len(means)):
        return None
    return float(np.clip((any_two - near) / (any_two - 1), 0, 1))


def _apart(means: np.ndarray, rows: np.ndarray, within: float) -> float:
    chance = within * (1 / rows[:-1] + 1 / rows[1:])
    return float(np.mean((means[:-1] - means[1:]) ** 2 / chance))


def are_round(values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether round numbers are more frequent than others, as those of amounts are.

    >>> numbers = np.arange(1, 200)
    >>> are_round(numbers, np.where(numbers % 5 == 0, 30, 10)), are_round(numbers, numbers)
    (True, False)
    """
    if len(values) <= _FEW_PAIRS or np.ptp(values) < 50:
        return False
    fives = values % 5 == 0
    if fives.mean() > 0.45:
        return True
    if min(fives.sum(), (~fives).sum()) < 5:
        return False
    return bool(np.median(counts[fives]) >= 2 * np.median(counts[~fives]))
