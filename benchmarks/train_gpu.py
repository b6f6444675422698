"""Training on one GPU: examples per second, ours compared with Keras and PyTorch.

    python -m benchmarks.train_gpu --output benchmarks/results/train_gpu.json --torch-python PYTHON

The model of benchmarks/train.yaml without dropout, drawn ids (half of them the same one, as padding
is), Adam. Every contestant gets the same batches from the processor's memory. Ours is the trainer's
step, of which every loss is read (the trainer reads 16 at once); Keras is `fit`, with what it
compiles by default; PyTorch reads no loss. Where there is no GPU it all runs on the processor.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.train_contestants import HEAD, Keras, batch_of
from benchmarks.train_rows import Rows, drawn
from benchmarks.train_scaling import IDS, USUAL, steps
from pipeline.failures import main
from pipeline.processor import processor
from trainer.arithmetic import exact_arithmetic
from trainer.training.train_step import Step

BATCHES, QUICK_BATCHES, STEPS, WARM_UP = (1024, 4096, 16384), (64,), 60, 4
CLASSES = USUAL["classes"]
Speeds = dict[str, dict[str, float]]


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--output", type=Path, help="where the line is written to as well")
    parser.add_argument("--torch-python", help="a Python that has torch for this GPU, and NumPy")
    parser.add_argument("--quick", action="store_true", help="one small batch, two steps")
    said = parser.parse_args(argv)
    batches, count = (QUICK_BATCHES, 2) if said.quick else (BATCHES, STEPS)
    theirs = torch_speeds(said.torch_python, batches, count) if said.torch_python else {}
    keras = {"keras": {str(batch): keras_speed(batch, count) for batch in batches}}
    exact_arithmetic()
    line = {
        "benchmark": "train_gpu",
        "device": device(),
        "processor": processor(),
        "examples_per_s": our_speeds(batches, count) | keras | theirs,
    }
    if said.output:
        said.output.write_text(json.dumps(line) + "\n", encoding="utf-8")
    print(json.dumps(line))


def device() -> str:
    found = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(found[0]) if found else {}
    return str(details.get("device_name", "a processor without a GPU"))


def our_speeds(batches: Sequence[int], count: int) -> Speeds:
    speeds: Speeds = {}
    for batch in batches:
        ways = steps(CLASSES, USUAL["hidden"], batch, dropout=0.0)
        for way, step in ways.items():
            speeds.setdefault(f"ours, {way}", {})[str(batch)] = our_speed(step, batch, count)
    return speeds


def our_speed(step: Step, batch: int, count: int) -> float:
    with tf.device("CPU"):
        feeds = [batch_of(rows) for rows in drawn(batch, ids=IDS, classes=CLASSES)]

    def some(steps: int) -> None:
        unread: list[Any] = []
        for place in range(steps):
            unread.append(step(feeds[place % len(feeds)], tf.constant(1e-3))[HEAD])
            if place:
                float(unread.pop(0))
        float(unread.pop())

    return speed(some, batch, count)


def keras_speed(batch: int, count: int) -> float:
    model = Keras(Rows({}, {}, IDS + 2, IDS + 2, CLASSES), seed=1).model
    feeds = drawn(batch, ids=IDS, classes=CLASSES)
    taken = [feeds[place % len(feeds)] for place in range(count)]
    whole = {name: np.concatenate([rows[name] for rows in taken]) for name in feeds[0]}

    def some(steps: int) -> None:
        tokens, package, label = (
            whole[name][: steps * batch] for name in ("tokens", "package", "label")
        )
        model.fit([tokens, package], label, batch_size=batch, shuffle=False, verbose=0)

    return speed(some, batch, count)


def speed(some: Callable[[int], None], batch: int, count: int) -> float:
    """Examples per second over that many steps, after a few to compile and warm up."""
    some(min(WARM_UP, count))
    started = time.perf_counter()
    some(count)
    return round(count * batch / (time.perf_counter() - started))


def torch_speeds(python: str, batches: Sequence[int], count: int) -> Speeds:
    with TemporaryDirectory() as folder:
        result = Path(folder) / "torch.json"
        command = [python, "-m", "benchmarks.train_gpu_torch", str(result), str(count)]
        subprocess.run([*command, *map(str, batches)], check=True, stdout=sys.stderr)
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main(run)
