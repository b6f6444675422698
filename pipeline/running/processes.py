"""Processes of stages: each is started, waited for, and told to end when the run is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.running.stages import Command


class StageFailed(Exception):
    """A stage ended with an exit code other than 0, and has said why."""

    def __init__(self, stage: str, exit_code: int) -> None:
        super().__init__(f"{stage} ended with exit code {exit_code}")
        self.exit_code = exit_code


def run_stage(command: Command) -> float:
    """Runs one stage to its end and returns its seconds. Raises StageFailed."""
    print(f"── {command.stage} ──", file=sys.stderr, flush=True)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *command.arguments], env=_clean_environment())
    with _passing_on_signals(process):
        exit_code = process.wait()
    if exit_code != 0:
        # A death by signal is told as shells tell it.
        raise StageFailed(command.stage, exit_code if exit_code > 0 else 128 - exit_code)
    return time.monotonic() - started


def _clean_environment() -> dict[str, str]:
    environment = dict(os.environ)
    environment.pop("TF_USE_LEGACY_KERAS", None)
    return environment


@contextmanager
def _passing_on_signals(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A signal to end is the stage's to obey: it saves what it has and ends with its own code."""

    def pass_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    before = {n: signal.signal(n, pass_on) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
