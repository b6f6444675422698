"""Starts from the weights of an earlier run, and how much of it learns on.

    python -m trainer.task --data NEW/data --warm-start OUT/run --learn new --output NEW/run

What is decided here needs no TensorFlow: which settings such a run has, and whether the data lets
everything else stand still.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.folders.run import RunFolder
from pipeline.spec import Spec, Training
from trainer.recipe.rules import as_before

Learn = Literal["all", "heads", "common", "new"]
ALL: Learn = "all"
NEW: Learn = "new"
LEARN: tuple[Learn, ...] = (ALL, "heads", "common", NEW)
# What goes on learning takes one of so many parts of the earlier run's steps.
PARTS = 3
# New ids learn ahead of the rest at so many times its rate.
TIMES_THE_RATE = 3
# Few rows are read quickly, and only vectors that begin at nothing learn from them.
EPOCHS_OF_NEW_IDS = 2
# What must be as it was, where all but a part of the network stands still.
SAME_BLOCKS = ("inputs", "tables", "memory", "trunk", "heads", "missing_words")


@dataclass(frozen=True)
class Start:
    """An earlier run, and how much of the new one learns on; None leaves it to the spec.

    grown: of each vocabulary that has grown, how many values it had and has
    """

    earlier: RunFolder
    learn: Learn | None = None
    grown: Mapping[str, tuple[int, int]] | None = None

    @property
    def stands(self) -> bool:
        """Whether what does not learn keeps its weights to the bit."""
        return self.learn not in (None, "all")

    @property
    def keeps_heads(self) -> bool:
        """Whether the heads stand still, with their temperatures and memories."""
        return self.learn in ("common", "new")

    def size(self, vocabulary: str) -> tuple[int, int] | None:
        """How many values a vocabulary had and has, if it has grown."""
        return (self.grown or {}).get(vocabulary)


def start_from(earlier: RunFolder, learn: Learn | None, data: DataFolder, spec: Spec) -> Start:
    """Raises Failure 2 where more than `learn` says would change."""
    if learn is None:
        return Start(earlier)
    grown, moved = _grown(earlier, data, spec)
    if learn == ALL:
        return Start(earlier, learn, grown)
    rule = f"--learn {learn} leaves the rest as it is, so "
    if learn == "common" and not spec.shared:
        rule = "--learn common needs a shared block in the spec"
        raise Failure(Exit.USAGE, rule, received="none")
    if other := next(_differences(spec, earlier.spec), None):
        rule += "the data must be prepared with the spec of the earlier run, RUN/spec.json"
        raise Failure(Exit.USAGE, rule, received=f"another {other!r}")
    numbers = data.statistics.numbers, earlier.statistics.numbers
    other_numbers = [name for name in numbers[1] if numbers[0].get(name) != numbers[1][name]]
    if moved or other_numbers:
        rule += "old ids and the scales of numbers must stay: prepare with --extend and "
        rule += "--keep-numbers"
        scales = [f"another scale of {name!r}" for name in other_numbers]
        received = [*(f"other ids in the vocabulary {name!r}" for name in moved), *scales][0]
        raise Failure(Exit.USAGE, rule, received=received)
    return Start(earlier, learn, grown)


def _grown(
    earlier: RunFolder, data: DataFolder, spec: Spec
) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Of each vocabulary that has grown, how many values it had and has; and the names of those
    whose old values have other ids."""
    grown, moved = {}, []
    for name in spec.all_vocabularies().keys() & earlier.spec.all_vocabularies().keys():
        new, old = list(data.vocabulary(name)), list(earlier.vocabulary(name))
        if new[: len(old)] != old:
            moved.append(name)
        elif len(new) > len(old):
            grown[name] = len(old), len(new)
    return grown, moved


def _differences(spec: Spec, earlier: Spec) -> Iterator[str]:
    """The blocks of the spec in which it is another network, or reads other features."""
    for block in SAME_BLOCKS:
        if getattr(spec, block) != getattr(earlier, block):
            yield block
    if _layers(spec) != _layers(earlier):
        yield "shared"
    readings = earlier.readings()
    if any(readings.get(name) != own for name, own in spec.readings().items()):
        yield "vocabularies"


def _layers(spec: Spec) -> dict[str, Sequence[Any]]:
    return {name: block.dense_layers() for name, block in spec.shared.items()}


def continued(spec: Spec, earlier: Spec, learn: Learn) -> Spec:
    """The spec with what it leaves open as the earlier run had it, and the training of a run that
    goes on from there."""
    closed = as_before(spec, earlier)
    training = earlier.training
    if learn in ("all", "heads"):
        training = shortened(training)
    if learn == "new":
        training = of_new_ids(training)
    return closed.model_copy(update={"training": training})


def ahead_of_the_rest(training: Training, steps: int) -> Training:
    """Training of new ids before that of everything: in longer steps and for the epochs of a run of
    their own, but for no more `steps` than the rest takes.

    >>> ahead = ahead_of_the_rest(Training(epochs=2, learning_rate=0.01), steps=900)
    >>> ahead.epochs, ahead.learning_rate, ahead.steps
    (12, 0.03, 900)
    """
    rate = TIMES_THE_RATE * training.learning_rate
    more = {"epochs": PARTS * training.epochs, "learning_rate": rate}
    own = of_new_ids(training.model_copy(update=more))
    return own.model_copy(update={"steps": steps})


def of_new_ids(training: Training) -> Training:
    """Training for few rows: without decay, which reaches all rows of a table, and without means
    of few steps, for `EPOCHS_OF_NEW_IDS` times as many epochs."""
    changes: dict[str, Any] = {"epochs": EPOCHS_OF_NEW_IDS * training.epochs, "steps": None}
    return training.model_copy(update={**changes, "weight_decay": None, "averaging": None})


def shortened(training: Training) -> Training:
    """A third of the steps, with a rate that falls to 0 from where it began: new things need long
    steps, and what was learned before needs short ones at the end.

    >>> short = shortened(Training(epochs=10, learning_rate=0.03, warmup_steps=50))
    >>> short.epochs, short.learning_rate, short.schedule, short.warmup_steps
    (4, 0.03, 'linear', 0)
    """
    changes: dict[str, Any] = {"epochs": math.ceil(training.epochs / PARTS), "warmup_steps": 0}
    changes |= {"auto": False, "minutes": None}
    if training.schedule == "constant":
        changes["schedule"] = "linear"
    if training.steps is not None:
        changes["steps"] = math.ceil(training.steps / PARTS)
    return training.model_copy(update=changes)
