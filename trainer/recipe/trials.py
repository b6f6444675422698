"""Trials of `training: auto`: whole runs, one after the other, while there is time; the one with
the lowest held-out loss is kept, unless the difference may be chance.

The first run is what the rules say, cut to the time that there is. Each further one is the best so
far with one change. A trial is a run like any other, with a spec in which nothing is open, so that
this spec gives the same run again. What follows from a clock is written down before it is used:
after a kill the trials go on where they were.
"""

import math
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kinds.parsing import Arrays
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.folders.published import read_json, write_json
from pipeline.folders.run import RunFolder
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.data import steps_per_epoch
from trainer.network.output_layers import outputs_of
from trainer.recipe.chance import row_losses, standard_error
from trainer.recipe.pace import fastest_products, measure
from trainer.recipe.rules import SOME_LABELS, Facts, Move, filled, first, in_order, moves
from trainer.recipe.telling import Trial, chosen_line, told, trial_line
from trainer.reporting.history import History
from trainer.reporting.tables import Ended
from trainer.run import Run, make_run, run_features
from trainer.training.loop import time_enough
from trainer.training.train import nothing, steps_of_run, train_run

# Of the time that is left, for what was not foreseen.
SPARE = 0.05
RULES = "the rules"
# A first trial has so many seconds however little time there is; the others have what is left.
LEAST_SECONDS = 5.0
# Of a first trial that takes longer each epoch is told.
SECONDS_WITHOUT_EPOCHS = 30.0
# Weights that were best before this share of the epochs: the rest was learned by heart.
EARLY = 0.7
# The products of a head that are timed have so many rows.
ROWS_OF_PRODUCTS = 1024
# Dropout is for rows that are seen more often than this.
FEW_EPOCHS = 1.5
PLAN, PACE, RESULT, LOSSES = "plan.json", "pace.json", "result.json", "losses.npy"


def counted_facts(said: Spec, data: DataFolder) -> Facts:
    """What is counted, without what is measured."""
    entries, lookups = data.entries, said.lookups(with_own_ids=True)
    tables = {one.table: one.rows or entries[one.vocabulary or ""] for one in lookups.values()}
    outputs = outputs_of(said, entries)
    targets = max(data.statistics.targets(name, "train") for name in said.heads)
    return Facts(data.rows("train"), entries, outputs, sum(tables.values()), targets=targets)


def tried(
    work: RunFolder,
    said: Spec,
    data: DataFolder,
    counted: Arrays,
    seconds: float,
    saved: Callable[[], None] = nothing,
) -> Spec:
    """The spec of the best trial; in `work` is all that this run has left behind, to be measured
    and saved."""
    if not work.spec_path.exists():
        trials = Trials(work.trials, said, data, counted, seconds, saved)
        best, ended, place = trials.best()
        # A trial's folder has the files of a run.
        left = RunFolder(place)
        for name in ("history_path", "events", "checkpoints"):
            if getattr(left, name).exists():
                getattr(left, name).replace(getattr(work, name))
        write_json(work.trials_path, [told(trial, said) for trial in ended])
        work.write_spec(best.spec)
    shutil.rmtree(work.trials, ignore_errors=True)
    forget_layers()
    spec = parse_spec(work.spec_path.read_text(encoding="utf-8"))
    print(f"auto: {chosen_line(said, spec)}", flush=True)
    return spec


@dataclass
class Trials:
    """The trials in a folder, of a spec that leaves something open, within `seconds` from now.

    counted: the train columns that priors are counted from
    """

    folder: Path
    said: Spec
    data: DataFolder
    counted: Arrays
    seconds: float
    saved: Callable[[], None] = nothing

    def __post_init__(self) -> None:
        self.features = run_features(self.data, self.said)
        # Those of a process that was killed count, too.
        used = [read_json(path)["used"] for path in self.folder.glob("*/*.json")]
        self.used, self.began = max(used, default=0.0), time.monotonic()

    def left(self) -> float:
        return self.seconds - self.so_far()

    def so_far(self) -> float:
        return self.used + time.monotonic() - self.began

    def best(self) -> tuple[Trial, list[Trial], Path]:
        """Runs the trials; gives the best, all of them, and the folder of the best."""
        ended: list[Trial] = []
        while move := self.planned(len(ended)) or self.next(ended):
            ended.append(self.run(len(ended), move))
            print(trial_line(ended), file=sys.stderr, flush=True)
            self.forget_all_but_the_best(ended)
        place = _best(ended)
        if math.isinf(ended[place].loss) and self.data.rows("eval"):
            rule = "the loss must be finite; a lower training.learning_rate may help"
            raise Failure(Exit.FAULT, rule, received="no trial with one")
        return ended[place], ended, self.place(place)

    def forget_all_but_the_best(self, ended: list[Trial]) -> None:
        best = _best(ended)
        for number in range(len(ended)):
            if number != best:
                shutil.rmtree(RunFolder(self.place(number)).checkpoints, ignore_errors=True)

    def end_of_time(self, number: int) -> Callable[[], bool]:
        """Asked after each step of a trial. The first one has some seconds of steps however long it
        took to get there."""
        if number == 0 and self.has_its_length():
            return time_enough
        deadline = time.monotonic() + self.time_for_trials()
        least = 0.0 if number else LEAST_SECONDS
        first_step: float | None = None

        def time_is_up() -> bool:
            nonlocal first_step
            now = time.monotonic()
            first_step = first_step or now
            return now > max(deadline, first_step + least)

        return time_is_up

    def place(self, number: int) -> Path:
        return self.folder / f"{number:03d}"

    def planned(self, number: int) -> Move | None:
        """As it was decided before a kill."""
        path = self.place(number) / PLAN
        if not path.exists():
            return None
        plan = read_json(path)
        return Move(plan["name"], Spec.model_validate(plan["spec"]))

    def next(self, ended: list[Trial]) -> Move | None:
        """What is tried next: None where nothing is left to try, or no time for it."""
        if not ended:
            return self.plan(0, Move(RULES, self.cut(first(self.said, self.facts()))))
        if not self.data.rows("eval"):
            return None
        best = min(filter(_learns, ended), key=lambda trial: trial.at_worst)
        tried = {trial.spec.to_json() for trial in ended}
        labels = counted_facts(self.said, self.data).labels
        possible = moves(self.said, best.spec, labels)
        untried = [move for move in possible if move.spec.to_json() not in tried]
        for move in in_order(untried, *outcomes(ended), early=best.best_after < EARLY):
            # No shorter one in its place: with more time the same trials come first.
            if best.seconds * move.takes * (1 + SPARE) < self.time_for_trials():
                return self.plan(len(ended), move)
            break
        return None

    def plan(self, number: int, move: Move) -> Move:
        self.place(number).mkdir(parents=True, exist_ok=True)
        plan = {"name": move.name, "spec": move.spec.model_dump(mode="json"), "used": self.so_far()}
        write_json(self.place(number) / PLAN, plan)
        return move

    def facts(self) -> Facts:
        facts = counted_facts(self.said, self.data)
        if facts.labels < SOME_LABELS:
            return facts
        return replace(facts, products=fastest_products(ROWS_OF_PRODUCTS, 256, facts.labels))

    def cut(self, spec: Spec) -> Spec:
        """The spec with the steps that there is time for, where that is not all of them. Who said
        how many epochs or steps gets them."""
        run = self.opened(spec)
        pace = measure(run)
        self.place(0).mkdir(parents=True, exist_ok=True)
        all_steps = steps_of_run(spec.training, self.data.rows("train"))
        said = {"closing": pace.closing, "first": pace.seconds(run, all_steps)}
        write_json(self.place(0) / PACE, {**said, "used": self.so_far()})
        if self.has_its_length():
            return spec
        least = pace.start + LEAST_SECONDS + pace.judging
        steps = pace.fitting(run, max(least, self.time_for_trials()))
        return spec if steps == all_steps else cut_short(self.said, spec, run, steps)

    def has_its_length(self) -> bool:
        return bool({"epochs", "steps"} & self.said.training.model_fields_set)

    def time_for_trials(self) -> float:
        return self.left() * (1 - SPARE) - self.pace()["closing"]

    def pace(self) -> Mapping[str, float]:
        """Seconds: of the end of a run, of the first trial if nothing is cut off."""
        found: Mapping[str, float] = read_json(self.place(0) / PACE)
        return found

    def opened(self, spec: Spec) -> Run:
        forget_layers()
        return make_run(self.data, spec, self.counted, self.features)

    def run(self, number: int, move: Move) -> Trial:
        """A trial from its start, or from where it was when it was killed."""
        place = self.place(number)
        if (place / RESULT).exists():
            return Trial(move.name, move.spec, **_result(read_json(place / RESULT)))
        started = time.monotonic()
        time_is_up = self.end_of_time(number)
        run = self.opened(move.spec)
        folder = RunFolder(place)
        events = History(folder.history_path, str(folder.events))
        try:
            ended = train_run(
                run,
                place,
                history=events,
                saved=self.saved,
                time_is_up=time_is_up,
                quiet=number > 0 or self.pace()["first"] < SECONDS_WITHOUT_EPOCHS,
            )
            loss, best_after = lowest(run, ended, first=number == 0)
            chance = self.chance(number, run) if math.isfinite(loss) else 0.0
        except Failure as failure:
            if failure.exit_code != Exit.FAULT:
                raise
            # Of a loss that is not finite.
            loss, best_after, chance = math.inf, 0.0, 0.0
        said: dict[str, Any] = {
            "loss": loss if math.isfinite(loss) else None,
            "best_after": best_after,
            "chance": chance,
            "seconds": time.monotonic() - started,
        }
        write_json(place / RESULT, {**said, "used": self.so_far()})
        return Trial(move.name, move.spec, **_result(said))

    def chance(self, number: int, run: Run) -> float:
        """By how much a trial's loss may differ from the first one's by chance alone: of 100 rows a
        tenth is nothing, and among twenty trials one is that lucky."""
        own, first = row_losses(run), self.place(0) / LOSSES
        if own is None:
            return 0.0
        if number == 0:
            np.save(first, own)
            return 0.0
        return standard_error(own, np.load(first)) if first.exists() else 0.0


def _best(ended: list[Trial]) -> int:
    return min(range(len(ended)), key=lambda at: ended[at].at_worst)


def _learns(trial: Trial) -> bool:
    """Whether something can be changed of it: nothing can of memories alone."""
    return bool(trial.spec.read() or trial.spec.averaged()) or trial.name == RULES


def forget_layers() -> None:
    """Layers are named by how many of their kind a process has had before."""
    keras.backend.clear_session()


def outcomes(ended: list[Trial]) -> tuple[Counter[str], Counter[str]]:
    """How often each change made nothing better, and how often it helped.

    >>> losses = (("the rules", 0.5), ("more decay", 0.4), ("no layer", 0.6))
    >>> outcomes([Trial(name, None, loss, 1.0, 1.0) for name, loss in losses])
    (Counter({'no layer': 1}), Counter({'more decay': 1}))
    """
    before = accumulate((trial.at_worst for trial in ended), min)
    changed = list(zip(ended[1:], before, strict=False))
    failed = Counter(trial.name for trial, low in changed if trial.at_worst >= low)
    return failed, Counter(trial.name for trial, low in changed if trial.at_worst < low)


def lowest(run: Run, ended: Ended, *, first: bool) -> tuple[float, float]:
    """The lowest held-out loss of a run, and the share of its epochs after which that was. One that
    the time has ended is not what its spec gives: it counts only where there is no other."""
    if ended.time_was_up and not first:
        return math.inf, 0.0
    return float(run.train_state.best_loss), (ended.kept or ended.of) / ended.of


def _result(said: Mapping[str, Any]) -> dict[str, float]:
    loss = math.inf if said["loss"] is None else said["loss"]
    return {"loss": loss, **{name: said[name] for name in ("best_after", "chance", "seconds")}}


def cut_short(said: Spec, spec: Spec, run: Run, steps: int) -> Spec:
    """A run of so many steps. What sees a row hardly twice needs no dropout."""
    of_epoch = steps_per_epoch(run.data.rows("train"), spec.training.batch_size)
    epochs = steps_per_epoch(steps, of_epoch)
    training = {"steps": steps, "epochs": epochs, "warmup_steps": min(50, steps // 10)}
    trunk = {} if steps > FEW_EPOCHS * of_epoch else {"dropout": 0.0}
    return filled(said, spec, {"training": training, "trunk": trunk}, {})
