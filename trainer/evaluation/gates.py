"""Gates: how far a head believes its memories and how far its network, fitted on held-out rows.

They are a few dozen numbers, so half of the eval rows fit them, and the other half says how good
the mixture is and each of its parts alone. No step knows of memories. On rows that it trains on,
the network is better than it will be on others, and gates would believe it; and a network that
learns as a part of the mixture stops learning what the counts can say, which was worse wherever it
was tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from kinds.heads.any.network import OutputLayer
from kinds.heads.network import KINDS
from kinds.memory.network import GateVariables, HeadMemory, OwnRows, Seen
from kinds.memory.parts import MEMORIES, MIXTURE, NETWORK
from trainer.data import Batch, steps_per_epoch
from trainer.evaluation import (
    Results,
    ResultsStep,
    gather_results,
    head_results,
    intervals_of,
    summarise,
)
from trainer.evaluation.gate_fit import GateRows, fit_with_hidden, fitted
from trainer.phases.descent import Vector
from trainer.run import Run

# Of both halves together: a few dozen numbers need no more rows, and each is a pass over them.
ROWS_FITTED, ROWS_JUDGED = 16_384, 32_768
# Of heads whose loss takes all logits of a row, so many logits are kept.
LOGITS_AT_MOST = 1 << 25
# A difference of so many standard errors is none of chance.
ERRORS = 2.0


@dataclass(frozen=True)
class Predictor:
    """A head with some of its memories, or none, beside its network, or beside a prediction that
    knows nothing of a row."""

    head: OutputLayer
    memory: HeadMemory
    constant: bool = False

    def alone(self) -> OutputLayer:
        """Without the memories."""
        return replace(self.head, mixed=self._own)

    def layer(self, batch: Batch, hidden: tf.Tensor) -> OutputLayer:
        """As it predicts the rows of a batch."""
        if not self.memory.tables:
            return self.alone()
        mixed = self.memory.mixture(batch.features, hidden=self.head.input(hidden))
        kind = KINDS[self.head.part.kind]
        return replace(self.head, mixed=lambda logits: kind.mixed(self._own(logits), mixed))

    def _own(self, logits: tf.Tensor) -> tf.Tensor:
        if self.constant:
            return tf.zeros_like(logits) + self.memory.constant
        return logits * self.memory.inverse_temperature


def fit_gates(run: Run) -> None:
    """Fits the gates of all heads with memories, on half of the eval rows; without any, on training
    rows, each left out of what its memories have counted. Every worker does it."""
    for name, flat in _fitted(run).items():
        # Machines that are not quite alike must still have the same gates.
        [same] = run.workers.chiefs(flat)
        run.network.memories[name].gates.assign(same)


def _fitted(run: Run) -> dict[str, Vector]:
    """The best gates of each head, in one vector."""
    heads, memories = run.network.heads, run.network.memories
    return {
        name: fitted(heads[name].part.kind, memories[name], rows.reading_nothing())
        for name, rows in _gate_rows(run).items()
    }


def _fit_trained(run: Run) -> None:
    """Fits the gates of a trained network. They may read its hidden vectors of held-out rows; those
    of training rows would only say that it is right."""
    heads, memories = run.network.heads, run.network.memories
    if run.data.rows("eval"):
        for name, rows in _gate_rows(run).items():
            fit_with_hidden(heads[name].part.kind, memories[name], rows)
        return
    for name, flat in _fitted(run).items():
        memories[name].gates.assign(flat)


def _gate_rows(run: Run) -> dict[str, GateRows]:
    """What the gates of each head are fitted on."""
    heads, memories = run.network.heads, run.network.memories
    own = {name: Predictor(heads[name], memory) for name, memory in memories.items()}
    return _rows_of(run, own, "rows of gates")


def _rows_of(run: Run, predictors: Mapping[str, Predictor], what: str) -> dict[str, GateRows]:
    split = "eval" if run.data.rows("eval") else "train"
    left_out = split == "train"

    def of_batch(batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
        hidden = run.network.body(batch.features, training=False)
        found = {}
        for name, predictor in predictors.items():
            head, kind = predictor.head, KINDS[predictor.head.part.kind]
            targets = batch.targets[head.name]
            weights = batch.weights * kind.row_weights(targets, None)
            own = OwnRows(targets, weights) if left_out else None
            seen = predictor.memory.seen(batch.features, own)
            alone = kind.mixing(predictor.alone(), hidden[head.name], targets)
            found[name] = {f"alone.{n}": v for n, v in alone.items()}
            read = head.input(hidden[head.name])[:, : 0 if predictor.constant else None]
            found[name] |= {"weight": weights, "hidden": read}
            found[name] |= {
                f"{k}.{f}": v for k, of in enumerate(seen) for f, v in of._asdict().items()
            }
        return found

    outputs = max([p.head.outputs for p in predictors.values() if p.memory.several], default=1)
    rows = min(ROWS_FITTED, max(2, LOGITS_AT_MOST // outputs))
    every = _some_rows(run, split, run.traced(what, of_batch), "fit the gates", rows)
    return {
        name: _half(found, len(predictors[name].memory.tables)) for name, found in every.items()
    }


def _half(found: Mapping[str, np.ndarray], memories: int) -> GateRows:
    def of(what: str) -> tf.Tensor:
        return tf.constant(found[what][::2])

    alone = {n.removeprefix("alone."): of(n) for n in found if n.startswith("alone.")}
    seen = (Seen(*(of(f"{k}.{name}") for name in Seen._fields)) for k in range(memories))
    return GateRows(alone, of("weight"), tuple(seen), of("hidden"))


def _some_rows(
    run: Run, split: str, step: ResultsStep, title: str, most: int = ROWS_JUDGED
) -> dict[str, dict[str, np.ndarray]]:
    """The results of the first rows of a split, in the order of its files, which prepare has dealt
    out at random: every second one is half of them."""
    size, rows = run.spec.training.batch_size, min(run.data.rows(split), most)
    batches = run.batches(split).take(steps_per_epoch(rows, size))
    return gather_results(step, batches, rows, title)


def rows_judged(run: Run, memories: int) -> int:
    """How many rows are computed for a head of so many memories, one counted each time: for its
    gates, and to judge the network, each memory if there are several, all of them, and together."""
    rows = run.data.rows("eval")
    parts = 3 + memories * (memories > 1)
    return min(rows, ROWS_FITTED) + parts * min(rows, ROWS_JUDGED) if memories else 0


def judge_parts(run: Run, temperatures: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Fits the gates of the trained network at its temperature, unless they stand still, and says
    of each head how good the mixture is, and each of its parts alone, on eval rows that have fitted
    nothing. `worse_than` names the part that is clearly better than the mixture; None is as it
    should be. The chief does it."""
    for name, memory in run.network.memories.items():
        memory.inverse_temperature.assign(1.0 / temperatures.get(name, 1.0))
    if not (run.start and run.start.keeps_heads):
        _fit_trained(run)
    return {
        name: {"gates": _gates(memory), **_judged(run, run.network.heads[name])}
        for name, memory in run.network.memories.items()
    }


def _judged(run: Run, head: OutputLayer) -> dict[str, Any]:
    """Nothing where no rows are held out."""
    if not run.data.rows("eval"):
        return {}
    found, scale = _results_of_parts(run, head), run.scales[head.name]
    metrics = {name: summarise(head.part, results, scale) for name, results in found.items()}
    between = {name: intervals_of(head.part, of, scale) for name, of in found.items()}
    together = between.pop(MIXTURE)
    said = {"parts": metrics, "intervals": together, "part_intervals": between}
    return {**said, "worse_than": clearly_better(found)}


def _gates(memory: HeadMemory) -> dict[str, Any]:
    return {name: values.tolist() for name, values in memory.learned().arrays().items()}


def _results_of_parts(run: Run, head: OutputLayer) -> dict[str, Results]:
    """{part: its results} on eval rows that fit no gates."""
    parts = _parts(run, head)

    def of_batch(batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
        hidden = run.network.body(batch.features, training=False)[head.name]
        found: dict[str, dict[str, tf.Tensor]] = {}
        before: list[tf.Tensor] = []
        for name, part in parts.items():
            # One after the other: together they would need the memory of all.
            with tf.control_dependencies(before):
                found[name] = head_results(part.layer(batch, hidden), hidden, batch)
            before = list(found[name].values())
        return found

    step = run.traced(f"parts of {head.name}", of_batch)
    every = _some_rows(run, "eval", step, f"judge {head.name} and its parts")
    return {
        name: {what: values[1::2] for what, values in results.items()}
        for name, results in every.items()
    }


def _parts(run: Run, head: OutputLayer) -> dict[str, Predictor]:
    """The parts of a head, each with gates of its own."""
    memory = run.network.memories[head.name]
    names = head.part.memories()
    constant = Predictor(head, memory, constant=True)
    [rows] = _rows_of(run, {head.name: constant}, f"rows of memories of {head.name}").values()

    def counted(which: Sequence[int]) -> Predictor:
        tables = tuple(memory.tables[k] for k in which)
        gates = GateVariables.start(head.name, len(tables))
        alone = replace(memory, tables=tables, gates=gates, of_hidden=None)
        own = rows._replace(seen=tuple(rows.seen[k] for k in which)).reading_nothing()
        gates.assign(fitted(head.part.kind, alone, own))
        return replace(constant, memory=alone)

    singles = {names[k]: counted([k]) for k in range(len(names))} if len(names) > 1 else {}
    return {
        NETWORK: Predictor(head, replace(memory, tables=())),
        **singles,
        MEMORIES: counted(range(len(names))),
        MIXTURE: Predictor(head, memory),
    }


def clearly_better(parts: Mapping[str, Mapping[str, np.ndarray]]) -> str | None:
    """The part whose mean loss is lowest, where it is below the mixture's by more than chance.

    >>> some = {"weight": np.ones(4), "loss": np.array([1.0, 2.0, 3.0, 4.0])}
    >>> clearly_better({"by_maker": {**some, "loss": some["loss"] - 0.5}, "together": some})
    'by_maker'
    """
    weights = np.float64(parts[MIXTURE]["weight"])
    if not weights.any():
        return None
    means = {n: np.average(found["loss"], weights=weights) for n, found in parts.items()}
    best = min((mean, name) for name, mean in means.items() if name != MIXTURE)[1]
    more = np.float64(parts[MIXTURE]["loss"]) - parts[best]["loss"]
    mean = np.average(more, weights=weights)
    error = np.sqrt((weights**2 * (more - mean) ** 2).sum()) / weights.sum()
    return best if mean > ERRORS * error else None
