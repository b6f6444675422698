"""The stages of an update, as processes: pipeline.run starts them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.folders.versions import VersionFolder, WorkFolder
from pipeline.rows.csv_dialect import Csv
from pipeline.run import Command

DRIFT, PREPARE, TRAIN, EXPORT, COMPARE = "drift", "prepare", "train", "export", "compare"
# An update takes so many parts of the steps that the first run took, at such a part of its rate.
PARTS = 3


@dataclass(frozen=True)
class Asked:
    """What an update was asked for.

    files: all files of rows; `new` are those that the parent does not have
    settings: PLACE=VALUE, what is to change in the spec
    training: the epochs and the rate of the first version's training
    side: the one whose rows are compared
    """

    files: Sequence[str]
    new: Sequence[str]
    settings: Sequence[str]
    max_bad_fraction: float
    csv: Csv
    cache: Path
    infinity_norm: float
    jensen_shannon: float
    fail_on_drift: bool = False
    beam_options: Sequence[str] = ()
    training: Mapping[str, float] = field(default_factory=dict)
    side: str = "test"


def commands(asked: Asked, parent: VersionFolder, work: WorkFolder) -> list[Command]:
    """The processes of an update, in their order."""
    old, new = parent, work.version
    changed = [word for setting in asked.settings for word in ("--set", setting)]
    limit, csv = ["--max-bad-fraction", asked.max_bad_fraction], asked.csv.arguments()
    bounds = ["--infinity-norm", asked.infinity_norm, "--jensen-shannon", asked.jensen_shannon]
    lines: dict[str, tuple[list[Any], Path]] = {
        DRIFT: (
            [
                *("pipeline.drift", "--data", old.prepared.path, "--input", *asked.new),
                *("--json", work.drift, *bounds, *limit, *csv),
                *["--fail-on-drift"] * asked.fail_on_drift,
            ],
            work.drift,
        ),
        PREPARE: (
            [
                *("pipeline.prepare", "--spec", old.prepared.spec_path, *changed),
                *("--input", *asked.files, "--output", work.data.path),
                *("--extend", old.prepared.path, "--cache", asked.cache, *limit, *csv),
                *asked.beam_options,
            ],
            work.data.path,
        ),
        TRAIN: (
            [
                *("trainer.task", "--data", work.data.path, "--output", new.run.path),
                *("--spec", old.run.spec_path, "--warm-start", old.run.path),
                *(word for setting in going_on(asked.training) for word in ("--set", setting)),
                *changed,
            ],
            new.run.path,
        ),
        EXPORT: (
            ["serving.export", "--run", new.run.path, "--output", new.model.path],
            new.model.path,
        ),
        COMPARE: (
            [
                *("serving.compare", old.model.model, new.model.model, *asked.files),
                *("--side", asked.side, "--output", work.compared, *csv),
            ],
            work.compared,
        ),
    }
    return [
        Command(stage, tuple(map(str, line)), result) for stage, (line, result) in lines.items()
    ]


def going_on(training: Mapping[str, float]) -> list[str]:
    """Settings of training that starts from weights that are good already: a part of the epochs of
    the first version, at a part of its rate, whatever the versions between had.

    >>> going_on({"epochs": 10, "learning_rate": 0.03})
    ['training.epochs=4', 'training.learning_rate=0.01']
    """
    epochs, rate = math.ceil(training["epochs"] / PARTS), training["learning_rate"] / PARTS
    return [f"training.epochs={epochs}", f"training.learning_rate={rate:g}"]
