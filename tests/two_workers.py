"""Starts several processes on loopback that train one run together, for the tests of workers."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data_folder import read_data
from trainer.run import Run, open_run
from trainer.training.train import train_run
from trainer.workers import join_workers

Process = subprocess.Popen[str]
SECONDS_AT_MOST = 240


def start(arguments: Sequence[object], *, count: int = 2) -> list[Process]:
    """The same command as each worker of a cluster; the first is the chief."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    cluster = {"chief": addresses[:1], "worker": addresses[1:]}
    tasks = [{"type": "chief", "index": 0}]
    tasks += [{"type": "worker", "index": i} for i in range(count - 1)]
    line = [sys.executable, *map(str, arguments)]
    return [
        subprocess.Popen(
            line,
            env={**os.environ, "TF_CONFIG": json.dumps({"cluster": cluster, "task": task})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for task in tasks
    ]


def ends(processes: Sequence[Process]) -> list[tuple[int, str]]:
    """(exit code, what was said as errors) of each."""
    said = [process.communicate(timeout=SECONDS_AT_MOST)[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def weights_of(run: Run) -> dict[str, np.ndarray]:
    return {f"weight.{i}": v.numpy() for i, v in enumerate(run.network.variables())}


def train(data: Path, output: Path) -> None:
    """Trains as one of the workers and writes the weights that it ends with."""
    workers = join_workers()
    folder = output / str(workers.place)
    folder.mkdir()
    run, _ = open_run(read_data(data), read_data(data).spec, workers)
    train_run(run, folder)
    weights: dict[str, Any] = weights_of(run)
    np.savez(output / f"{workers.place}.npz", **weights)


if __name__ == "__main__":
    train(*map(Path, sys.argv[1:]))
