"""Trains one run on one CPU and on two logical ones, phases and samples included, and compares."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from tiny_data import tiny_data, tiny_spec
from two_workers import weights_of

from trainer.data_folder import read_data
from trainer.run import Run, open_run
from trainer.training.train import train_run
from trainer.workers import ALONE, Workers

PHASES = "common: {units: 5, phases: {every: 1, between: joint, rows: 48, accept: train}}"


def trained(data: Path, folder: Path, workers: Workers) -> Run:
    folder.mkdir()
    run, _ = open_run(read_data(data), read_data(data).spec, workers)
    train_run(run, folder)
    return run


def compare(folder: Path) -> None:
    [cpu] = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    workers = Workers(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    said = {
        "common: {units: 5}": PHASES,
        "epochs: 3": "epochs: 2, sampled: {negatives: 3, share: 0.5}",
    }
    data = tiny_data(folder / "data", spec=tiny_spec(replace=said))
    several, one = trained(data, folder / "2", workers), trained(data, folder / "1", ALONE)
    expected = weights_of(one)
    for name, value in weights_of(several).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, rtol=1e-5, err_msg=name)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder))
    sys.exit(0)
