"""Due phases: those of the shared blocks that come before an epoch, over their rows."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.data import Batch, steps_per_epoch
from trainer.evaluation import HeldOutLoss
from trainer.phases import Block, PhaseRows, make_block, run_phase
from trainer.phases.schedule import PhasePlan, phase_plans, single_phases
from trainer.reporting.tables import phase_line
from trainer.run import Run
from trainer.training.loop import BeforeEpoch, nothing_before

# K-FAC's curvature is a mean over many rows; every fourth batch gives it well enough.
CURVATURE_EVERY = 4


def make_due_phases(run: Run, held_out_loss: HeldOutLoss | None) -> BeforeEpoch:
    """Runs the phases that are due before an epoch; `held_out_loss` where there are such rows."""
    if run.start and run.start.stands:
        return nothing_before
    blocks = make_blocks(run, phase_plans(run.spec))

    def due_phases(epoch: int) -> dict[str, Any]:
        due = [block for block in blocks if block.plan.is_due(epoch)]
        facts = run_phases(run, due, epoch, held_out_loss)
        return {"phases": facts} if facts else {}

    return due_phases


def run_single_phases(run: Run, held_out_loss: HeldOutLoss | None) -> list[dict[str, Any]]:
    """One phase of each shared block, and nothing else; gives what the history says of them."""
    blocks = make_blocks(run, single_phases(run.spec))
    return run_phases(run, blocks, 0, held_out_loss)


def make_blocks(run: Run, plans: Sequence[PhasePlan]) -> list[Block]:
    parts = (run.network, run.losses, run.optimizer, run.signature(), run.state())
    return [make_block(plan, *parts, run.workers.total) for plan in plans]


def run_phases(
    run: Run, blocks: Sequence[Block], epoch: int, held_out_loss: HeldOutLoss | None
) -> list[dict[str, Any]]:
    def total_loss() -> float:
        return held_out_loss().loss if held_out_loss else 0.0

    facts = []
    for block in blocks:
        asked = total_loss if block.plan.holdout and held_out_loss else None
        rows = phase_rows(run, block.plan, epoch)
        facts.append(run_phase(block, rows, epochs_done=epoch, held_out_loss=asked))
        print(phase_line(facts[-1]), file=sys.stderr, flush=True)
    return facts


def phase_rows(run: Run, plan: PhasePlan, epochs_done: int) -> PhaseRows:
    """The train rows of a phase: other ones each time, the same ones in a run that is resumed.

    A part of the rows is kept in memory; all of them are read again for each evaluation. Several
    workers share the batches out.
    """
    size, rows = run.spec.training.batch_size, run.data.rows("train")
    order = None
    if plan.rows is not None:
        rows = min(rows, steps_per_epoch(plan.rows, size) * size)
        order = (plan.seed, epochs_done)
    steps = steps_per_epoch(rows, size)
    own = run.workers.share(steps)
    batches: Any = run.batches("train", order=order, skip=own.start).take(len(own))
    if plan.rows is not None:
        batches = list(batches)
    places = range(0, steps, CURVATURE_EVERY)
    sample_rows = sum(min(size, rows - place * size) for place in places)
    sample = Sampled(batches, own.start)
    return PhaseRows(batches, rows, sample, sample_rows / rows)


@dataclass(frozen=True)
class Sampled:
    """Every CURVATURE_EVERY-th of some batches, the first of which is number `start`, with their
    numbers in the sample."""

    batches: Iterable[Batch]
    start: int

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        for place, batch in enumerate(self.batches, start=self.start):
            if place % CURVATURE_EVERY == 0:
                yield place // CURVATURE_EVERY, batch
