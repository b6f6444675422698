"""Training of a Keras model on prepared examples: a loop of our own around stock layers.

import trainer
trainer.train("OUT/data", "OUT/run", settings=["training.epochs=3"])
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline import __version__

__all__ = ["__version__", "train"]

# Keras reads its backend when it is first imported.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def train(
    data: str | Path,
    output: str | Path,
    *,
    spec: str | Path | None = None,
    settings: Sequence[str] = (),
    warm_start: str | Path | None = None,
    force: bool = False,
) -> None:
    """Trains on a folder of prepared examples and publishes the run folder, as `python -m
    trainer.task` does, in this process.

    `settings`, such as `training.epochs=3`, change the spec. Raises pipeline.failures.Failure.
    """
    from trainer.task import run

    more = {"--spec": spec, "--warm-start": warm_start}
    words = [word for option, value in more.items() if value for word in (option, str(value))]
    words += [word for setting in settings for word in ("--set", setting)]
    run(["--data", str(data), "--output", str(output), *words, *["--force"] * force])
