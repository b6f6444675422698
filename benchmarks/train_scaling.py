"""The cost of a training step as classes, hidden width and batch grow.

    python -m benchmarks.train_scaling [--results FOLDER] [--quick]

The model of benchmarks/train.yaml with drawn ids; each shape's three ways in turns, medians of the
milliseconds of a step. The figures go to standard output, and as train_scaling.json to --results.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf

from benchmarks.train_contestants import HEAD, SPEC, batch_of
from benchmarks.train_rows import drawn
from kinds.heads.classification.sampling import build_sampler
from pipeline.processor import processor
from pipeline.spec import Spec
from pipeline.spec.file import read_spec
from trainer.data import batch_signature, example_features
from trainer.network import build_network
from trainer.objective import HeadLoss
from trainer.reporting.tables import table
from trainer.training.optimizer import build_optimizer
from trainer.training.train_step import Step, make_step
from trainer.workers import ALONE

USUAL = {"classes": 25_001, "hidden": 128, "batch": 1024}
GRID = {
    "classes": (1_000, 5_000, 25_001, 100_000, 200_000),
    "hidden": (64, 128, 256),
    "batch": (256, 1024, 4096),
}
IDS, NEGATIVES, TURNS = 10_000, 2048, 5


def shapes() -> Iterator[dict[str, int]]:
    """The usual shape with one of its numbers changed, each once."""
    seen = []
    for name, values in GRID.items():
        for value in values:
            shape = USUAL | {name: value}
            if shape not in seen:
                seen.append(shape)
                yield shape


def steps(
    classes: int, hidden: int, batch: int, *, dropout: float | None = None
) -> dict[str, Step]:
    """{way: its step}; few classes are not sampled. `dropout`: another than the model's."""
    said = read_spec(SPEC).model_dump(mode="json")
    said["trunk"]["layers"][-1]["units"] = hidden
    if dropout is not None:
        said["trunk"]["dropout"] = dropout
    spec = Spec.model_validate(said)
    entries = {"token": IDS, "package": IDS, HEAD: classes - 1}
    bias = -np.log1p(np.arange(classes))
    network = build_network(spec, entries, {HEAD: bias}, seed=1)
    optimizer = build_optimizer("adam", network.variables())
    signature = batch_signature(example_features(spec, entries), batch)
    sampler = build_sampler(bias, negatives=NEGATIVES, seed=1)
    ways: dict[str, Step] = {}
    for products in (tf.float32, tf.bfloat16):
        losses = {HEAD: HeadLoss(1.0, 1.0, products=products)}
        ways[products.name] = make_step(network, optimizer, losses, signature)
    if sampler:
        sampled = {HEAD: sampler}
        ways["sampled"] = make_step(network, optimizer, losses, signature, ALONE, sampled)
    return ways


def milliseconds(shape: dict[str, int], turns: int) -> dict[str, float]:
    """{way: the median milliseconds of a step}."""
    [batch] = drawn(shape["batch"], ids=IDS, classes=shape["classes"], count=1)
    rows = batch_of(batch)
    ways = steps(**shape)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(turns + 1):
        for way, step in ways.items():
            started = time.perf_counter()
            float(step(rows, tf.constant(1e-3))[HEAD])
            if turn:  # the first one warms up
                times[way].append(1e3 * (time.perf_counter() - started))
    return {way: round(median(found), 1) for way, found in times.items()}


def run(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_scaling")
    parser.add_argument("--results", type=Path, help="folder for the figures")
    parser.add_argument("--quick", action="store_true", help="one shape, one turn")
    said = parser.parse_args(argv)
    found = {
        name_of(**shape): milliseconds(shape, 1 if said.quick else TURNS)
        for shape in list(shapes())[: 1 if said.quick else None]
    }
    ways = ("float32", "bfloat16", "sampled")
    rows = [[name, *(str(times.get(way, "-")) for way in ways)] for name, times in found.items()]
    print(table(["milliseconds of a step", *ways], rows))
    line = json.dumps(
        {"benchmark": "train_scaling", "processor": processor(), "milliseconds_of_a_step": found}
    )
    print(line)
    if said.results:
        (said.results / "train_scaling.json").write_text(line + "\n", encoding="utf-8")


def name_of(classes: int, hidden: int, batch: int) -> str:
    return f"{classes:,} classes, hidden {hidden}, batch {batch:,}"


if __name__ == "__main__":
    run()
