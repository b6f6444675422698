"""Stages one after the other, and the time that training must leave to those behind it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.console.run_table import Finished, published
from pipeline.folders.output import Output
from pipeline.manifest import lock
from pipeline.running import processes
from pipeline.running.stages import Command

# What is kept of the minutes for a stage that comes after training: to load its libraries, so much
# for each input, and for each second that prepare took, as both grow with rows, ids and labels.
SECONDS_OF_STAGE = {"export": 7.0, "score": 1.5, "report": 1.5}
SECONDS_OF_INPUT = {"export": 0.05, "score": 0.005, "report": 0.01}
SHARE_OF_PREPARE = {"export": 0.1, "score": 0.2, "report": 0.1}


def run_each(chosen: Sequence[Command], output: str | Path) -> Iterator[Finished]:
    """Runs stages one after the other; each is yielded when it is done. Raises StageFailed."""
    # Taken before any stage has loaded its libraries: a second run is told at once.
    started, prepared = time.monotonic(), 0.0
    after = [command.stage for command in chosen]
    with lock(Path(output), inside=True):
        for command in chosen:
            before = published(command.result)
            after.remove(command.stage)
            if command.stage == "train":
                spent = time.monotonic() - started + kept_for(after, prepared, _inputs(output))
                more = ("--spent", f"{spent:.0f}")
                command = replace(command, arguments=(*command.arguments, *more))
            seconds = processes.run_stage(command)
            prepared += seconds * (command.stage == "prepare")
            made = published(command.result) != before
            yield Finished(command.stage, command.result, seconds, made)


def kept_for(stages: Sequence[str], prepared: float, inputs: int) -> float:
    """The seconds that stages after training are likely to take, where prepare took `prepared`.

    >>> kept_for(["export", "report"], 10.0, 20)
    11.7
    """
    return sum(
        SECONDS_OF_STAGE[one] + SECONDS_OF_INPUT[one] * inputs + SHARE_OF_PREPARE[one] * prepared
        for one in stages
    )


def _inputs(output: str | Path) -> int:
    """How many inputs the rows were prepared for."""
    data = Output(Path(output)).data
    return len(data.spec.inputs) if published(data.path) else 0
