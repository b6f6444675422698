"""Heads of one number, shown in the target's own unit."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.charts import Figure
from kinds.heads import calibration
from kinds.heads.guesses import Guess, Scored

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def guesses(head: "FileHead", targets: pa.Array, outputs: Sequence[pa.Array]) -> Iterator[Guess]:
    """Right where the error is among the smaller half."""
    was, values = (array.to_numpy(zero_copy_only=False) for array in (targets, outputs[0]))
    there = np.flatnonzero(~np.isnan(was))
    errors = np.abs(values[there].astype(np.float64) - was[there])
    middle = float(np.median(errors)) if len(errors) else 0.0
    for row, error in zip(there, errors, strict=True):
        answers = ((f"{values[row]:.4g}", None),)
        right = bool(error <= middle)
        sure = float(-error if right else error)
        yield Guess(int(row), (f"{was[row]:.4g}",), answers, right, sure)


def figures(scored: Scored) -> Iterator[Figure]:
    said, was = calibration.with_targets(scored.outputs[0], scored.targets)
    return calibration.number_chart(scored.head.name, said, was)


def mistakes_title() -> str:
    return "Greatest errors"


def task() -> str:
    return "tabular-regression"


def answer(head: "FileHead", outputs: Sequence[float]) -> Iterator[str]:
    yield f"{head.name}  {outputs[0]:.4g}"


def script() -> Path:
    return Path(__file__).with_name("page.js")
