"""The stages of an update, as processes: pipeline.running starts them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.folders.versions import VersionFolder, WorkFolder
from pipeline.rows.csv_dialect import Csv
from pipeline.running.stages import Command

DRIFT, PREPARE, TRAIN, EXPORT, COMPARE = "drift", "prepare", "train", "export", "compare"
# An update takes so many parts of the steps that the first run took, at such a part of its rate.
PARTS = 3
# New ids learn from few rows, so for so many times as many epochs.
EPOCHS_OF_NEW_IDS = 2
LEARN = (ALL, HEADS, COMMON, NEW) = ("all", "heads", "common", "new")


@dataclass(frozen=True)
class Asked:
    """What an update was asked for.

    files: all files of rows; `new` are those that the parent does not have
    settings: PLACE=VALUE, what is to change in the spec
    training: settings of the first version's training (contents.TRAINING)
    side: the one whose rows are compared
    learn: how much of the network learns on, one of LEARN
    window: how far back rows count, as prepare takes it
    compact: whether values are numbered anew, so that those of no row lose their ids
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
    training: Mapping[str, float | None] = field(default_factory=dict)
    side: str = "test"
    learn: str = ALL
    window: str | None = None
    compact: bool = False


def commands(asked: Asked, parent: VersionFolder, work: WorkFolder) -> list[Command]:
    """The processes of an update, in their order."""
    old, new = parent, work.version
    changed = _set(asked.settings)
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
                *("pipeline.prepare", "--spec", old.run.spec_path, *changed),
                *("--input", *asked.files, "--output", work.data.path),
                *("--cache", asked.cache, *limit, *csv),
                *(() if asked.compact else ("--extend", old.prepared.path)),
                # Where a part of the network alone learns on, the others read the same numbers.
                *["--keep-numbers"] * (asked.learn != ALL),
                *(("--window", asked.window) if asked.window else ()),
                *asked.beam_options,
            ],
            work.data.path,
        ),
        TRAIN: (
            [
                *("trainer.task", "--data", work.data.path, "--output", new.run.path),
                *("--spec", old.run.spec_path, "--warm-start", old.run.path),
                *("--learn", asked.learn),
                *_set(going_on(asked.training, asked.learn)),
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


def going_on(training: Mapping[str, float | None], learn: str) -> list[str]:
    """Settings of training that starts from weights that are good already, by those of the first
    version, whatever the versions between had: a part of its epochs and steps, from its rate down
    to 0. New ids begin at nothing; shared blocks alone learn in a phase, with its own settings.

    >>> first = {"epochs": 10, "steps": 900, "learning_rate": 0.03, "weight_decay": None}
    >>> going_on(first, ALL)
    ['training.epochs=4', 'training.steps=300', 'training.learning_rate=0.03']
    >>> going_on(first, NEW)
    ['training.epochs=20', 'training.learning_rate=0.03']
    """
    now = {name: value for name, value in training.items() if value is not None}
    if learn in (ALL, HEADS):
        for name in {"epochs", "steps"} & now.keys():
            now[name] = math.ceil(now[name] / PARTS)
    elif learn == NEW:
        epochs, rate = now["epochs"], now["learning_rate"]
        now = {"epochs": EPOCHS_OF_NEW_IDS * epochs, "learning_rate": rate}
    else:
        now = {}
    return [f"training.{name}={_plain(value)}" for name, value in now.items()]


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _set(settings: Iterable[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]
