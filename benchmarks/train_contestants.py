"""Ours and Keras in the training benchmark; one process each, so that none warms another up.

python -m benchmarks.train_contestants NAME --rows rows.npz --output result.json
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.train_rows import (
    BATCH,
    EPOCHS,
    Rows,
    entry,
    load_rows,
    measures,
    of,
    slices,
    take_part,
)
from kinds.heads.any.priors import distribution
from kinds.heads.classification.network import loss_and_rank
from kinds.heads.classification.sampling import build_sampler
from pipeline.spec import Spec
from pipeline.spec.file import read_spec
from trainer.data import Batch, batch_signature, example_features
from trainer.network import Network, build_network
from trainer.objective import HeadLoss
from trainer.training.optimizer import build_optimizer
from trainer.training.rate import learning_rate
from trainer.training.train_step import Step, make_step, one_then_other
from trainer.workers import ALONE

SPEC = Path(__file__).with_name("train.yaml")
HEAD = "identifier"
# Ours, as settings of the spec.
EXACT = (
    "training.epochs=3",
    "training.learning_rate=0.01",
    "training.schedule=linear",
    "training.warmup_steps=50",
    "training.weight_decay=0.3",
    "training.precision=bfloat16",
)
FAST = (*EXACT, "training.sampled={share: 0.97, negatives: 1024}")
# As the others are.
PLAIN = (*EXACT, "training.weight_decay=null", "trunk.dropout=0")
# For ranks alone: one layer in the trunk, which learns in fewer steps than two, fewer draws, no
# exact steps at its end, and no dropout, as each row is seen once.
SHORT = (
    *EXACT,
    "trunk={layers: [192]}",
    "training.epochs=1",
    "training.learning_rate=0.015",
    "training.sampled={share: 1, negatives: 768}",
)


def build(rows: Rows, spec: Spec, *, prior: bool, seed: int) -> Network:
    entries = {"token": rows.tokens - 2, "package": rows.packages - 2, HEAD: rows.classes - 1}
    counts = np.bincount(rows.train["label"], minlength=rows.classes).astype(np.float64)
    bias = np.log(distribution(counts)) if prior else np.zeros(rows.classes)
    return build_network(spec, entries, {HEAD: bias}, seed=seed)


class Ours:
    """The trainer's own step, with the settings of a spec."""

    def __init__(
        self, rows: Rows, seed: int, *, settings: Sequence[str], prior: bool = True
    ) -> None:
        spec = read_spec(SPEC, settings=settings)
        self.settings, self.epochs = spec.training, spec.training.epochs
        self.rows, self.seed = rows, seed
        self.network = build(rows, spec, prior=prior, seed=seed)
        variables, decay = self.network.variables(), self.settings.weight_decay
        optimizer = build_optimizer("adam", variables, weight_decay=decay)
        self.done = optimizer.step
        self.steps = self.epochs * (len(rows.train["label"]) // BATCH)
        features = example_features(spec, {"token": rows.tokens - 2, "package": rows.packages - 2})
        signature = batch_signature(features, BATCH)
        losses = {HEAD: HeadLoss(1.0, 1.0, products=tf.as_dtype(self.settings.precision))}
        self.parts = (self.network, optimizer, losses, signature, ALONE)
        self.results = tf.function(self._results, autograph=False)

    @cached_property
    def step(self) -> Step:
        """Made at the first step: tracing is on the clock, as it is for Keras."""
        exact, sampled = partial(make_step, *self.parts), self.settings.sampled
        if sampled is None:
            return exact()
        counts = np.bincount(self.rows.train["label"], minlength=self.rows.classes)
        shares = np.log(distribution(counts))
        sampler = build_sampler(shares, negatives=sampled.negatives, seed=self.seed)
        samplers = {HEAD: sampler} if sampler else {}
        few, change = make_step(*self.parts, samplers), int(sampled.share * self.steps)
        return one_then_other(few, exact, change=change, done=self.done)

    def train(self, places: np.ndarray) -> None:
        for part in slices(len(places)):
            rate = learning_rate(
                int(self.done),
                base=self.settings.learning_rate,
                schedule=self.settings.schedule,
                warmup_steps=self.settings.warmup_steps,
                total_steps=self.steps,
            )
            float(self.step(batch_of(of(self.rows.train, places[part])), tf.constant(rate))[HEAD])

    def measure(self) -> dict[str, float]:
        found = [
            self.results(batch_of(of(self.rows.held_out, part)))
            for part in slices(len(self.rows.held_out["label"]))
        ]
        losses, ranks = zip(*found, strict=True)
        return measures(np.concatenate(losses), np.concatenate(ranks))

    def _results(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        hidden = self.network.body(batch.features, training=False)[HEAD]
        return loss_and_rank(self.network.heads[HEAD].logits(hidden), batch.targets[HEAD])


def batch_of(side: dict[str, np.ndarray]) -> Batch:
    features = {name: tf.constant(side[name], tf.int32) for name in ("tokens", "package")}
    labels = tf.constant(side["label"], tf.int32)
    return Batch(features, {HEAD: labels}, tf.ones(len(side["label"])), {}, {})


class MergedAdam(keras.optimizers.Adam):
    """Keras's Adam that is given the sum of a repeated id's gradients, not its parts."""

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        super().apply([tf.convert_to_tensor(g) for g in grads], trainable_variables)


class Keras:
    """Plain `fit` of the same layers, as anyone would write them."""

    epochs = EPOCHS

    def __init__(self, rows: Rows, seed: int, *, merged: bool = False) -> None:
        keras.utils.set_random_seed(seed)
        layers = keras.layers
        tokens, package = keras.Input((10,), dtype="int32"), keras.Input((), dtype="int32")
        shared = layers.Dense(128, use_bias=False)
        sequence = shared(layers.Embedding(rows.tokens, 50)(tokens))
        joined = [layers.Flatten()(sequence), shared(layers.Embedding(rows.packages, 50)(package))]
        hidden = layers.Dense(256, activation="relu")(layers.Concatenate()(joined))
        hidden = layers.Dense(128, activation="relu")(hidden)
        self.model = keras.Model([tokens, package], layers.Dense(rows.classes)(hidden))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(MergedAdam() if merged else keras.optimizers.Adam(), loss)
        self.rows = rows
        self.results = tf.function(self._results, autograph=False)

    def train(self, places: np.ndarray) -> None:
        side = of(self.rows.train, places)
        inputs = [side["tokens"], side["package"]]
        self.model.fit(inputs, side["label"], batch_size=BATCH, shuffle=False, verbose=0)

    def measure(self) -> dict[str, float]:
        found = []
        for part in slices(len(self.rows.held_out["label"])):
            side = of(self.rows.held_out, part)
            found.append(
                self.results(*(tf.constant(side[n]) for n in ("tokens", "package", "label")))
            )
        losses, ranks = zip(*found, strict=True)
        return measures(np.concatenate(losses), np.concatenate(ranks))

    def _results(self, *side: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return loss_and_rank(self.model([side[0], side[1]]), side[2])


CONTESTANTS: dict[str, Callable[[Rows, int], Ours | Keras]] = {
    "ours exact": partial(Ours, settings=EXACT),
    "ours exact, plain Adam": partial(Ours, settings=PLAIN),
    "ours float32, plain Adam": partial(Ours, settings=(*PLAIN, "training.precision=float32")),
    "ours fast": partial(Ours, settings=FAST),
    "ours fast, short": partial(Ours, settings=SHORT),
    "ours fast, bias from 0": partial(Ours, settings=FAST, prior=False),
    "keras": Keras,
    "keras, merged ids": partial(Keras, merged=True),
}


def run() -> None:
    said = entry(CONTESTANTS).parse_args()
    rows = load_rows(said.rows)
    contestant = CONTESTANTS[said.name](rows, said.seed)
    take_part(contestant, len(rows.train["label"]), said, contestant.epochs)


if __name__ == "__main__":
    run()
