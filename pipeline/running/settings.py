"""Settings of the spec that options of a run stand for: how long it takes, and which fold it is."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.failures import Exit, Failure
from pipeline.spec import HashSplit, RowSplit
from pipeline.spec.file import read_spec

QUICK_MINUTES = 0.5


def settings_of(options: argparse.Namespace) -> list[str]:
    """All of them: those of `--set`, the fold and the time."""
    said = list(options.set)
    if options.fold is not None:
        said.append(fold_setting(options.spec, said, options.fold))
    return [*said, *minutes_of(options)]


def minutes_of(options: argparse.Namespace) -> list[str]:
    """The time that there is, as a setting of the spec."""
    minutes = QUICK_MINUTES if options.quick else options.minutes
    return [] if minutes is None else [f"training.minutes={minutes}"]


def fold_setting(spec: str | Path, settings: Sequence[str], fold: str) -> str:
    """One more setting, which makes the fold, such as 3/5, the test side. Raises Failure 2 for a
    split that has no folds."""
    split = read_spec(spec, settings=settings).split
    if not isinstance(split, HashSplit | RowSplit):
        rule = "folds need a split by hash or by row, in which any part may be the test side"
        raise Failure(Exit.USAGE, rule, received=f"by: {split.by}")
    return f"split.fold={fold}"
