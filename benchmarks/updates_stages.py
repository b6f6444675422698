"""Stages of benchmarks.updates: processes that begin with the libraries loaded, and their cost.

An update starts five processes. On small tables loading TensorFlow would be most of what it costs,
in an update as in training anew, so here each is forked from a process that has loaded all.
"""

import importlib
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from pipeline.running.processes import StageFailed
from pipeline.running.stages import Command

LOADED = (
    *("apache_beam", "tensorflow", "tensorflow_transform", "keras", "onnx", "onnxruntime"),
    *("pipeline.prepare", "serving.export", "serving.compare", "pipeline.drift"),
)


class Cost(NamedTuple):
    """What stages took: seconds by the clock and of all processors."""

    seconds: float
    cpu: float


class Stages:
    """Runs stages in place of pipeline.running.processes, and adds up what they cost."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._costs: list[Cost] = []
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(LOADED))

    def run(self, command: Command) -> float:
        """As pipeline.running.processes.run_stage."""
        started = time.monotonic()
        ours, theirs = self._context.Pipe(duplex=False)
        arguments = (command.arguments, str(self._log), theirs)
        process = self._context.Process(target=_stage, args=arguments)
        process.start()
        theirs.close()
        cpu = 0.0
        with suppress(EOFError):
            cpu = ours.recv()
        process.join()
        if process.exitcode:
            raise StageFailed(command.stage, process.exitcode)
        seconds = time.monotonic() - started
        self._costs.append(Cost(seconds, cpu))
        return seconds

    def cost(self) -> Cost:
        """Of the stages since it was asked last."""
        found = Cost(sum(c.seconds for c in self._costs), sum(c.cpu for c in self._costs))
        self._costs.clear()
        return found

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """All that runs stages gets them from here."""
        with mock.patch("pipeline.running.processes.run_stage", self.run):
            yield


def _stage(arguments: Sequence[str], log: str, said: Connection) -> None:
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    with Path(log).open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    module, *words = arguments
    sys.argv = [module, *words]
    started = _cpu()
    importlib.import_module(module).run(words)
    said.send(_cpu() - started)


def _cpu() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
