"""Phases: batch updates of one shared block while everything else stands still.

Block coordinate descent over two blocks, the shared weights and all the rest (for several heads
over one linear map see Collins et al. 2021, arXiv:2102.07078). A phase looks at a fixed set of
rows; its objective is the training loss over them, without dropout, each head divided by its exact
weight, summed in float64. It only ever replaces the block by one with a smaller objective, and by
default only if the loss on held-out rows does not rise either.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.data import Batch
from trainer.network import Network, shared_group
from trainer.objective import HeadLoss, head_factor, head_sums, head_weights
from trainer.phases.curvature import (
    Pass,
    Sample,
    curvature_sums,
    make_curvature_pass,
    mean_curvature,
)
from trainer.phases.descent import Descent, Vector, kfac, lbfgs, steps
from trainer.phases.schedule import PhasePlan
from trainer.training.optimizer import Optimizer
from trainer.workers import ALONE, Total

Batches = Iterable[Batch]
Facts = dict[str, Any]


@dataclass(frozen=True)
class PhaseRows:
    """The fixed rows of a phase, and the part of them over which K-FAC takes its means.

    `batches` and `sample` (numbered, for their seeds) are this worker's part, the counts are of
    all workers together.
    """

    batches: Batches
    count: int
    sample: Sample
    sample_share: float


@dataclass(frozen=True)
class Block:
    """A shared block as a phase sees it.

    variables: its weights
    own_slots: the main optimizer's first moments of them; none where the block is frozen
    own_averages: their means over the steps, where the optimizer keeps some
    rest: every other variable of the run, by name; a phase changes not one of them
    gradient_pass, weight_pass, curvature_pass: traced once, used by every phase
    shapes: of its layers, as K-FAC takes them
    heads: how many
    total: sums over the workers
    """

    plan: PhasePlan
    variables: tuple[tf.Variable, ...]
    own_slots: tuple[tf.Variable, ...]
    own_averages: tuple[tuple[tf.Variable, tf.Variable], ...]
    rest: Mapping[str, tf.Variable]
    gradient_pass: Callable[[Batch, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    weight_pass: Callable[[Batch], tf.Tensor]
    curvature_pass: Pass
    shapes: Sequence[tuple[int, int]]
    heads: int
    total: Total

    def flat(self) -> Vector:
        """The block's weights as one vector."""
        return np.concatenate([v.numpy().ravel() for v in self.variables]).astype(np.float64)

    def assign(self, flat: Vector) -> None:
        start = 0
        for variable in self.variables:
            end = start + int(np.prod(variable.shape))
            variable.assign(flat[start:end].reshape(variable.shape).astype(np.float32))
            start = end


def make_block(
    plan: PhasePlan,
    network: Network,
    losses: Mapping[str, HeadLoss],
    optimizer: Optimizer,
    signature: Batch,
    state: Mapping[str, tf.Variable],
    total: Total = ALONE.total,
) -> Block:
    """`state` is everything that a checkpoint of the run holds."""
    variables = network.groups[shared_group(plan.block)]
    taps = network.taps(plan.block)
    slots = own_slots(optimizer, variables)
    averages = own_averages(optimizer, variables)
    moved = (*variables, *(s for of in slots for s in of), *(mean for _, mean in averages))
    own = {id(v) for v in moved}
    return Block(
        plan=plan,
        variables=variables,
        own_slots=tuple(of[0] for of in slots if of),
        own_averages=averages,
        rest={name: v for name, v in state.items() if id(v) not in own},
        gradient_pass=make_gradient_pass(network, variables, losses, signature),
        weight_pass=make_weight_pass(network, losses, signature),
        curvature_pass=make_curvature_pass(network, taps, losses, signature),
        shapes=taps.shapes(),
        heads=len(network.heads),
        total=total,
    )


def own_slots(
    optimizer: Optimizer, variables: Sequence[tf.Variable]
) -> list[tuple[tf.Variable, ...]]:
    """The slots that an optimizer keeps for some variables, the first moment first."""
    wanted = {id(v) for v in variables}
    pairs = zip(optimizer.variables, optimizer.slots, strict=True)
    return [slots for variable, slots in pairs if id(variable) in wanted]


def own_averages(
    optimizer: Optimizer, variables: Sequence[tf.Variable]
) -> tuple[tuple[tf.Variable, tf.Variable], ...]:
    """(variable, its mean over the steps) of some variables, where the optimizer keeps means."""
    wanted = {id(v) for v in variables}
    pairs = zip(optimizer.variables, optimizer.averages, strict=False)
    return tuple(pair for pair in pairs if id(pair[0]) in wanted)


def make_gradient_pass(
    network: Network,
    variables: Sequence[tf.Variable],
    losses: Mapping[str, HeadLoss],
    signature: Batch,
) -> Callable[[Batch, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """(batch, weight of each head in all rows [heads]) to the batch's part of the objective and of
    its gradient by the flattened block, both float64."""
    specs = [signature, tf.TensorSpec([len(network.heads)], tf.float64)]

    @tf.function(input_signature=specs, autograph=False)
    def one_pass(batch: Batch, totals: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            sums = head_sums(network, losses, batch, training=False)
            objective, value = tf.zeros([]), tf.zeros([], tf.float64)
            for place, (name, found) in enumerate(sums.items()):
                share = tf.cast(head_factor(network, losses, name), tf.float64) / totals[place]
                objective += tf.cast(share, tf.float32) * found.total
                rows = tf.cast(found.losses, tf.float64) * tf.cast(found.weights, tf.float64)
                value += share * tf.reduce_sum(rows)
        gradients = tape.gradient(
            objective, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        flat = [tf.reshape(tf.cast(g, tf.float64), [-1]) for g in gradients]
        return value, tf.concat(flat, axis=0)

    return one_pass


def make_weight_pass(
    network: Network, losses: Mapping[str, HeadLoss], signature: Batch
) -> Callable[[Batch], tf.Tensor]:
    """A batch to the weight of each head in it: float64 [heads]."""

    @tf.function(input_signature=[signature], autograph=False)
    def one_pass(batch: Batch) -> tf.Tensor:
        weights = [head_weights(head, losses[n], batch) for n, head in network.heads.items()]
        return tf.stack([tf.reduce_sum(tf.cast(w, tf.float64)) for w in weights])

    return one_pass


@dataclass(frozen=True)
class PhaseObjective:
    """The objective of one phase: a function of the flattened block, the same at every call."""

    block: Block
    batches: Batches
    totals: tf.Tensor

    def __call__(self, flat: Vector) -> tuple[float, Vector]:
        """Its value and gradient. Leaves the block at `flat`."""
        self.block.assign(flat)
        value, gradient = 0.0, np.zeros_like(flat)
        for batch in self.batches:
            part, part_gradient = self.block.gradient_pass(batch, self.totals)
            value += float(part)
            gradient += part_gradient.numpy()
        value_of_all, gradient_of_all = self.block.total(value, gradient)
        return float(value_of_all), gradient_of_all


def phase_objective(block: Block, batches: Batches) -> PhaseObjective:
    """A head without any target in these rows counts for nothing."""
    none = np.zeros(block.heads)
    own = np.sum([none, *(block.weight_pass(batch).numpy() for batch in batches)], axis=0)
    [totals] = block.total(own)
    return PhaseObjective(block, batches, tf.constant(np.where(totals > 0, totals, 1.0)))


def descend(objective: PhaseObjective, sample: Sample, share: float, seed: int) -> Descent:
    """Goes down from where the block stands, by the plan's method.

    K-FAC's curvature is taken over `sample`, which with that of the other workers has `share` of
    the phase's rows.
    """
    block, plan = objective.block, objective.block.plan
    start, limit = block.flat(), plan.max_evaluations
    match plan.method:
        case "steps":
            return steps.minimise(objective, start, max_evaluations=limit)
        case "lbfgs":
            return lbfgs.minimise(objective, start, max_evaluations=limit)
        case "kfac":

            def curvature_at(flat: Vector) -> kfac.Curvature:
                block.assign(flat)
                one_pass, shapes = block.curvature_pass, block.shapes
                sums = curvature_sums(one_pass, sample, objective.totals, seed, shapes)
                return mean_curvature(block.total(*sums), share)

            return kfac.minimise(objective, curvature_at, start, max_evaluations=limit)


def run_phase(
    block: Block, rows: PhaseRows, *, epochs_done: int, held_out_loss: Callable[[], float] | None
) -> Facts:
    """One phase, and what the history says about it. `held_out_loss` gives that of all heads."""
    started, untouched = time.monotonic(), state_hash(block.rest)
    before = block.flat()
    held_out_before = held_out_loss() if held_out_loss else None
    objective = phase_objective(block, rows.batches)
    seed = block.plan.seed + epochs_done
    descent = descend(objective, rows.sample, rows.sample_share, seed)
    block.assign(descent.point)
    held_out_after = held_out_loss() if held_out_loss else None
    accepted = is_better(descent, held_out_before, held_out_after)
    if accepted:
        # Momentum points on from where the block no longer is.
        for slot in block.own_slots:
            slot.assign(tf.zeros_like(slot))
        # So does a mean over the steps before: the block starts from where it is now.
        for variable, average in block.own_averages:
            average.assign(variable)
    else:
        block.assign(before)
    if state_hash(block.rest) != untouched:
        raise RuntimeError(f"a phase of {block.plan.block!r} changed another variable")
    return {
        "block": block.plan.block,
        "method": block.plan.method,
        "epochs_done": epochs_done,
        "rows": rows.count,
        "seed": seed,
        "accepted": accepted,
        "seconds": round(time.monotonic() - started, 3),
        "held_out_loss": [held_out_before, held_out_after],
        "moved": float(np.linalg.norm(block.flat() - before)) / float(np.linalg.norm(before)),
        **descent_facts(descent),
        "rest_sha256": untouched,
    }


def is_better(
    descent: Descent, held_out_before: float | None, held_out_after: float | None
) -> bool:
    """Whether the objective fell, and the held-out loss did not rise."""
    fell = bool(np.isfinite(descent.values[0])) and descent.values[-1] < descent.values[0]
    if held_out_before is None or held_out_after is None:
        return fell
    return fell and held_out_after <= held_out_before


def descent_facts(descent: Descent) -> Facts:
    return {
        "objective": [descent.values[0], descent.values[-1]],
        "evaluations": descent.evaluations,
        "step_lengths": list(descent.step_lengths),
        "largest_gradient": [descent.first_gradient, descent.last_gradient],
        "skipped_pairs": descent.skipped_pairs,
        "curvatures": descent.curvatures,
        "damping": descent.damping,
        "gain_ratio": descent.gain_ratio,
    }


def state_hash(variables: Mapping[str, tf.Variable]) -> str:
    """SHA-256 of the names and the bytes of variables."""
    found = hashlib.sha256()
    for name in sorted(variables):
        found.update(name.encode())
        found.update(variables[name].numpy().tobytes())
    return found.hexdigest()
