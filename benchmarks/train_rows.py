"""The rows of the training benchmark as arrays, and the race that every contestant runs over them.

NumPy only: contestants in an environment of their own import this, too.
"""

import argparse
import json
import math
import resource
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

BATCH = 1024
CUTS = (1, 10)
POINTS_PER_EPOCH = 4
EPOCHS = 10
# How a race ended whose process did not come to its end.
CUT_OFF = "cut off"


@dataclass(frozen=True)
class Rows:
    """`train` and `held_out`: tokens int32 [rows, 10], package and label int32 [rows]; then the
    sizes of the tables and of the output, whose last class stands for any other label."""

    train: dict[str, np.ndarray]
    held_out: dict[str, np.ndarray]
    tokens: int
    packages: int
    classes: int


class Contestant(Protocol):
    def train(self, places: np.ndarray) -> None:
        """One pass over these training rows, in this order, in batches of BATCH."""

    def measure(self) -> dict[str, float]:
        """log_loss, accuracy@1 and accuracy@10 of the held-out rows."""


def drawn(batch: int, *, ids: int, classes: int, count: int = 8) -> list[dict[str, np.ndarray]]:
    """So many batches of drawn rows, as `Rows.train` holds them; half the ids are 0."""
    draw, batches = np.random.default_rng(1), []
    for _ in range(count):
        tokens = np.minimum(draw.pareto(1.0, (batch, 10)), ids - 1).astype(np.int32)
        label = np.minimum(draw.pareto(1.0, batch), classes - 1).astype(np.int32)
        batches.append({"tokens": tokens, "package": tokens[:, 0].copy(), "label": label})
    return batches


def save_rows(path: Path, rows: Rows) -> None:
    arrays: dict[str, Any] = {f"train.{n}": a for n, a in rows.train.items()}
    arrays |= {f"held_out.{n}": a for n, a in rows.held_out.items()}
    arrays["sizes"] = [rows.tokens, rows.packages, rows.classes]
    np.savez(path, **arrays)


def load_rows(path: Path) -> Rows:
    with np.load(path) as saved:
        train, held_out = (
            {n.removeprefix(start): saved[n] for n in saved.files if n.startswith(start)}
            for start in ("train.", "held_out.")
        )
        return Rows(train, held_out, *(int(size) for size in saved["sizes"]))


def parts_of_epoch(rows: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The places of an epoch's rows in the order of every contestant, in parts of whole batches.
    Rows that do not fill a batch are left out."""
    order = np.random.default_rng((seed, epoch)).permutation(rows)[: rows // BATCH * BATCH]
    batches = order.reshape(-1, BATCH)
    return [part.ravel() for part in np.array_split(batches, POINTS_PER_EPOCH)]


def entry(names: Iterable[str]) -> argparse.ArgumentParser:
    """The command line of a contestant's process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(names))
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=15, help="of training, at most")
    parser.add_argument("--epochs", type=int, help="at most")
    parser.add_argument("--batches", type=int, help="only measure the speed of this many")
    return parser


def take_part(contestant: Contestant, rows: int, said: argparse.Namespace, epochs: float) -> None:
    """A race of `epochs` where the command line does not say fewer, or a measurement of speed."""
    if said.batches:
        found = {"examples_per_s": speed(contestant, rows, said.batches)}
        said.output.write_text(json.dumps(found), encoding="utf-8")
        return
    epochs = said.epochs or epochs
    race(contestant, rows, said.output, epochs=epochs, seed=said.seed, minutes=said.minutes)


def speed(contestant: Contestant, rows: int, batches: int) -> float:
    """Examples per second over that many batches, after a few to warm up."""
    part = np.concatenate(parts_of_epoch(rows, 0, 0))
    contestant.train(part[: 3 * BATCH])
    places = part[: batches * BATCH]
    started = time.perf_counter()
    contestant.train(places)
    return len(places) / (time.perf_counter() - started)


def race(
    contestant: Contestant, rows: int, output: Path, *, epochs: float, seed: int, minutes: float
) -> None:
    """Trains until an epoch ends worse than the one before, or time is up at the end of a part. The
    last epoch may be some of its parts only.
    Only training is on the clock. What is known so far is in `output` after each part."""
    points: list[dict[str, Any]] = []
    seconds, examples = 0.0, 0
    for epoch in range(math.ceil(epochs)):
        parts = parts_of_epoch(rows, seed, epoch)
        for part in parts[: round((epochs - epoch) * POINTS_PER_EPOCH)]:
            started = time.perf_counter()
            contestant.train(part)
            seconds, examples = seconds + time.perf_counter() - started, examples + len(part)
            points.append({"seconds": seconds, "examples": examples, **contestant.measure()})
            write_result(output, points, CUT_OFF)
            if seconds > 60 * minutes:
                return write_result(output, points, "out of time")
        ends = [point["log_loss"] for point in points[POINTS_PER_EPOCH - 1 :: POINTS_PER_EPOCH]]
        if len(ends) > 1 and ends[-1] > ends[-2]:
            return write_result(output, points, "loss rose")
    return write_result(output, points, "all epochs")


def write_result(output: Path, points: Sequence[Mapping[str, Any]], ended: str) -> None:
    """`ended` says why there are no more points."""
    result = {"points": points, "ended": ended, "peak_mb": peak_megabytes()}
    partial = output.with_suffix(".partial")
    partial.write_text(json.dumps(result), encoding="utf-8")
    partial.replace(output)


def measures(losses: np.ndarray, ranks: np.ndarray) -> dict[str, float]:
    """[rows] log losses and ranks of the label (infinite for the class of all others)."""
    accuracy = {f"accuracy@{k}": float((ranks <= k).mean()) for k in CUTS}
    return {"log_loss": float(losses.mean()), **accuracy}


def slices(rows: int, size: int = BATCH) -> Sequence[slice]:
    return [slice(start, start + size) for start in range(0, rows, size)]


def of(side: Mapping[str, np.ndarray], places: Any) -> dict[str, np.ndarray]:
    return {name: values[places] for name, values in side.items()}


def peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
