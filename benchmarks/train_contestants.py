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
    Contestant,
    Rows,
    entry,
    load_rows,
    measures,
    of,
    slices,
    take_part,
)
from pipeline.spec import Spec
from pipeline.spec.file import read_spec
from trainer.data import Batch, batch_signature, columns_of
from trainer.judgement.metrics import label_results
from trainer.network import Network, build_network
from trainer.network.heads import logits
from trainer.objective import HeadLoss
from trainer.objective.sampling import build_samplers
from trainer.optimizer import build_optimizer, learning_rate
from trainer.ordinary import Step, make_step, one_then_other
from trainer.targets import distribution
from trainer.workers import ALONE

SPEC = Path(__file__).with_name("train.yaml")
HEAD = "identifier"
# Ours: the rate falls as a line to 0, AdamW's decay, and in `fast` a share of the steps samples.
OUR_EPOCHS, RATE, WARMUP_STEPS, WEIGHT_DECAY = 3, 1e-2, 50, 0.3
SAMPLED_SHARE, NEGATIVES = 0.97, 1024
# The short run is for ranks alone: one layer in the trunk, which learns in fewer steps than two,
# fewer draws, no exact steps at its end, and no dropout, as each row is seen once.
SHORT_UNITS, SHORT_EPOCHS, SHORT_RATE = 192, 1, 1.5e-2
SHORT_SAMPLED_SHARE, SHORT_NEGATIVES = 1.0, 768


def build(rows: Rows, spec: Spec, *, prior: bool, seed: int) -> Network:
    entries = {"token": rows.tokens - 2, "package": rows.packages - 2, HEAD: rows.classes - 1}
    counts = np.bincount(rows.train["label"], minlength=rows.classes).astype(np.float64)
    bias = np.log(distribution(counts)) if prior else np.zeros(rows.classes)
    return build_network(spec, entries, {HEAD: bias}, seed=seed)


class Ours:
    """The trainer's own step. `sampled` is the share of the steps that sample; `plain` is without
    weight decay, as the others are, and without dropout; `short` is the run of a few seconds."""

    def __init__(
        self,
        rows: Rows,
        seed: int,
        *,
        precision: str = "bfloat16",
        sampled: float = 0.0,
        prior: bool = True,
        plain: bool = False,
        short: bool = False,
    ) -> None:
        spec = read_spec(SPEC)
        if plain or short:
            one = [spec.trunk.layers[0].model_copy(update={"units": SHORT_UNITS})]
            layers = one if short else spec.trunk.layers
            trunk = spec.trunk.model_copy(update={"dropout": 0.0, "layers": layers})
            spec = spec.model_copy(update={"trunk": trunk})
        training = spec.training.model_copy(update={"precision": precision})
        spec = spec.model_copy(update={"training": training})
        decay = None if plain else WEIGHT_DECAY
        self.rows, self.network = rows, build(rows, spec, prior=prior, seed=seed)
        variables = self.network.variables()
        optimizer = build_optimizer("adam", variables, weight_decay=decay)
        self.done = optimizer.step
        epochs, self.rate = (SHORT_EPOCHS, SHORT_RATE) if short else (OUR_EPOCHS, RATE)
        self.steps = round(epochs * (len(rows.train["label"]) // BATCH))
        columns = columns_of(spec, {"token": rows.tokens - 2, "package": rows.packages - 2})
        signature = batch_signature(columns, BATCH)
        losses = {HEAD: HeadLoss(1.0, 1.0, products=tf.as_dtype(precision))}
        self.parts = (self.network, optimizer, losses, signature, ALONE)
        self.seed, self.sampled = seed, sampled
        self.negatives = SHORT_NEGATIVES if short else NEGATIVES
        self.results = tf.function(self._results, autograph=False)

    @cached_property
    def step(self) -> Step:
        """Made at the first step: tracing is on the clock, as it is for Keras."""
        exact = partial(make_step, *self.parts)
        if self.sampled == 0:
            return exact()
        counts = np.bincount(self.rows.train["label"], minlength=self.rows.classes)
        shares = {HEAD: np.log(distribution(counts))}
        samplers = build_samplers(shares, negatives=self.negatives, seed=self.seed)
        few = make_step(*self.parts, samplers)
        change = int(self.sampled * self.steps)
        return one_then_other(few, exact, change=change, done=self.done)

    def train(self, places: np.ndarray) -> None:
        for part in slices(len(places)):
            rate = learning_rate(
                int(self.done),
                base=self.rate,
                schedule="linear",
                warmup_steps=WARMUP_STEPS,
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
        return label_results(logits(self.network.heads[HEAD], hidden), batch.targets[HEAD])


def batch_of(side: dict[str, np.ndarray]) -> Batch:
    features = {name: tf.constant(side[name], tf.int32) for name in ("tokens", "package")}
    labels = tf.constant(side["label"], tf.int32)
    return Batch(features, {HEAD: labels}, tf.ones(len(side["label"])))


class MergedAdam(keras.optimizers.Adam):
    """Keras's Adam that is given the sum of a repeated id's gradients, not its parts."""

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        super().apply([tf.convert_to_tensor(g) for g in grads], trainable_variables)


class Keras:
    """Plain `fit` of the same layers, as anyone would write them."""

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
        return label_results(self.model([side[0], side[1]]), side[2])


CONTESTANTS: dict[str, tuple[float, Callable[[Rows, int], Contestant]]] = {
    "ours exact": (OUR_EPOCHS, Ours),
    "ours exact, plain Adam": (OUR_EPOCHS, partial(Ours, plain=True)),
    "ours float32, plain Adam": (OUR_EPOCHS, partial(Ours, plain=True, precision="float32")),
    "ours fast": (OUR_EPOCHS, partial(Ours, sampled=SAMPLED_SHARE)),
    "ours fast, short": (SHORT_EPOCHS, partial(Ours, sampled=SHORT_SAMPLED_SHARE, short=True)),
    "ours fast, bias from 0": (OUR_EPOCHS, partial(Ours, sampled=SAMPLED_SHARE, prior=False)),
    "keras": (EPOCHS, Keras),
    "keras, merged ids": (EPOCHS, partial(Keras, merged=True)),
}


def run() -> None:
    said = entry(CONTESTANTS).parse_args()
    rows = load_rows(said.rows)
    epochs, make = CONTESTANTS[said.name]
    take_part(make(rows, said.seed), len(rows.train["label"]), said, epochs)


if __name__ == "__main__":
    run()
