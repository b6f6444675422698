"""The train stage as one of two workers, of which the second is killed within an epoch."""

import os
import signal
from itertools import count
from typing import Any
from unittest.mock import patch

import tensorflow as tf

from pipeline.failures import main
from trainer import task
from trainer.data import Batch
from trainer.options import place_in
from trainer.training.train_step import Step, make_step

# Of five steps an epoch: four epochs have left a checkpoint.
LAST_STEP = 22


def killed_within(*arguments: Any, **options: Any) -> Step:
    """A step as always, until the last one."""
    step, calls = make_step(*arguments, **options), count(1)

    def counted(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        if next(calls) == LAST_STEP:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(batch, rate)

    return counted


if __name__ == "__main__":
    is_second = place_in(os.environ["TF_CONFIG"])[0] == 1
    with patch("trainer.training.train.make_step", killed_within if is_second else make_step):
        main(task.run)
