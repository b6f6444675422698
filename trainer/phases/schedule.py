"""When phases come: a pure function of the epochs done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.spec import Phases, Spec

Method = Literal["steps", "lbfgs", "kfac"]


@dataclass(frozen=True)
class PhasePlan:
    """The phases of one shared block, with every default filled in.

    `rows` is None where a phase looks at all of them; `holdout` asks that the held-out loss does
    not rise either.
    """

    block: str
    every: int
    start: int
    frozen: bool
    method: Method
    rows: int | None
    max_evaluations: int
    holdout: bool
    seed: int

    def is_due(self, epochs_done: int) -> bool:
        """Whether a phase comes between the epochs done and the next one."""
        return epochs_done >= self.start and (epochs_done - self.start) % self.every == 0


def phase_plans(spec: Spec) -> tuple[PhasePlan, ...]:
    """The plans of all blocks that have phases, in the order of the spec."""
    return tuple(
        _plan(name, block.phases, is_matrix=block.units is not None)
        for name, block in spec.shared.items()
        if block.phases is not None
    )


def single_phases(spec: Spec) -> tuple[PhasePlan, ...]:
    """One phase of each block, by its settings or the defaults."""
    return tuple(
        _plan(name, block.phases or Phases(every=1), is_matrix=block.units is not None)
        for name, block in spec.shared.items()
    )


def _plan(block: str, phases: Phases, *, is_matrix: bool) -> PhasePlan:
    between = phases.between or ("frozen" if is_matrix else "joint")
    return PhasePlan(
        block=block,
        every=phases.every,
        start=phases.start or phases.every,
        frozen=between == "frozen",
        method=phases.method or ("kfac" if is_matrix else "lbfgs"),
        rows=None if phases.rows == "all" else phases.rows,
        max_evaluations=phases.max_evals,
        holdout=phases.accept == "holdout",
        seed=phases.seed,
    )


def frozen_blocks(plans: Sequence[PhasePlan]) -> set[str]:
    """The blocks that train steps leave alone."""
    return {plan.block for plan in plans if plan.frozen}


def timeline(plan: PhasePlan, epochs: int) -> str:
    """A run as letters: `e` an epoch of train steps, `P` a phase.

    >>> timeline(PhasePlan("common", 2, 2, True, "kfac", None, 12, True, 1), epochs=6)
    'eePeePee'
    """
    return "".join("P" * plan.is_due(done) + "e" for done in range(epochs))
