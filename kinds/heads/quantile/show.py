"""Quantiles, shown in the target's own unit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.charts import Axis, Chart, Figure, Series, percent
from kinds.heads.guesses import Guess, Scored
from kinds.heads.numbers import show as numbers
from kinds.heads.numbers.show import mistakes_title as mistakes_title
from kinds.heads.numbers.show import task as task
from kinds.heads.quantile.metrics import middle
from kinds.looks.column import Column

if TYPE_CHECKING:
    from kinds.heads.quantile.spec import Quantile
    from kinds.heads.score import FileHead


def _values(head: "FileHead", lists: pa.Array) -> np.ndarray:
    """float32 [rows, quantiles]"""
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat.reshape(-1, len(head.settings["quantiles"])))


def guesses(head: "FileHead", targets: pa.Array, outputs: Sequence[pa.Array]) -> Iterator[Guess]:
    """Right where the error of the middle quantile is among the smaller half."""
    values = _values(head, outputs[0])
    central = pa.array(values[:, middle(head.settings["quantiles"])])
    for guess in numbers.guesses(head, targets, [central]):
        said = " … ".join(f"{value:.4g}" for value in values[guess.row])
        yield replace(guess, answers=((said, None),))


def figures(scored: Scored) -> Iterator[Figure]:
    """The stated shares beside the shares of the targets that were found at or below each value."""
    values = _values(scored.head, scored.outputs[0])
    was = scored.targets.to_numpy(zero_copy_only=False)
    there = ~np.isnan(was)
    if not there.any():
        return
    quantiles = scored.head.settings["quantiles"]
    found = (was[there, None] <= values[there]).mean(axis=0).tolist()
    off = float(np.abs(np.array(found) - quantiles).mean())
    x, y = (Axis(word, 0, 1, percent=True) for word in ("stated share", "found at or below"))
    dots = Series("quantiles", list(zip(quantiles, found, strict=True)), "dots")
    note = f"off by {percent(off)} on average; each dot a quantile"
    yield Chart(f"{scored.head.name}: stated and found", x, y, [dots], even=True, note=note)


def answer(head: "FileHead", outputs: Sequence[Sequence[float]]) -> Iterator[str]:
    pairs = zip(head.settings["quantiles"], outputs[0], strict=True)
    yield "  ".join([head.name, *(f"{quantile}: {value:.4g}" for quantile, value in pairs)])


def script() -> Path:
    return Path(__file__).with_name("page.js")


def could_be(column: Column) -> None:
    """Never guessed: a number has one value that is most likely to be asked for."""


def made_up(
    head: "Quantile", texts: Sequence[str], signal: np.ndarray, random: np.random.Generator
) -> pa.Array:
    noise = random.standard_normal(len(signal))
    return pa.array(
        np.exp(2 + signal + 0.5 * noise) if head.scale == "log" else 50 + 10 * signal + 5 * noise
    )
