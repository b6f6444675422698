"""What a recipe costs on this machine, measured before anything is decided by it: the type that
products are fastest in, and the seconds of a step, of an evaluation and of the end of a run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from kinds.heads.network import KINDS
from trainer.data import steps_per_epoch
from trainer.evaluation import ROWS_BETWEEN_EPOCHS, conformal, gates, make_held_out_loss
from trainer.evaluation.calibration import BATCHES_AT_MOST
from trainer.run import Run
from trainer.training.train import judge_of, sampled_steps, steps_of_run, train_step

# Steps that are timed of each kind, after those that are not: the first ones take longer.
STEPS, UNTIMED = 20, 2
SECONDS_OF_STEPS = 3.0
# bfloat16 must be so much faster: it rounds.
WORTH_ROUNDING = 0.8
TURNS = 6
# Passes that fitting a temperature usually takes: six over half of its rows, two over the others.
PASSES_OF_TEMPERATURE = 4
# What the end of a run takes apart from held-out rows.
SECONDS_TO_SAVE = 4.0


@dataclass(frozen=True)
class Pace:
    """Seconds: until the first step of a run, of its sampled and its exact steps, of judging an
    epoch, and of all that follows the last epoch."""

    start: float
    sampled: float
    exact: float
    judging: float
    closing: float

    def seconds(self, run: Run, steps: int) -> float:
        """Of a run of so many steps."""
        sampled = sampled_steps(run, steps)
        size = run.spec.training.batch_size
        epochs = steps_per_epoch(steps, steps_per_epoch(run.data.rows("train"), size))
        in_steps = sampled * self.sampled + (steps - sampled) * self.exact
        return self.start + in_steps + epochs * self.judging

    def fitting(self, run: Run, seconds: float) -> int:
        """The most steps, but at least one and no more than the spec has, that fit into some
        time."""
        fewest, most = 1, steps_of_run(run.spec.training, run.data.rows("train"))
        while fewest < most:
            steps = (fewest + most + 1) // 2
            if self.seconds(run, steps) <= seconds:
                fewest = steps
            else:
                most = steps - 1
        return fewest


def measure(run: Run) -> Pace:
    """By the first steps of a run, which is of no use afterwards."""
    begun = time.monotonic()
    step = train_step(run, UNTIMED + STEPS if run.samplers else 0)
    batches = run.train_batches(0, 0)
    rate = tf.constant(run.spec.training.learning_rate / 10)

    def one() -> bool:
        batch = next(batches, None)
        if batch is not None:
            for loss in step(batch, rate).values():
                loss.numpy()
        return batch is not None

    def mean(untimed: int) -> float:
        for _ in range(untimed):
            one()
        started, done = time.monotonic(), 0
        while done < STEPS and time.monotonic() - started < SECONDS_OF_STEPS and one():
            done += 1
        return (time.monotonic() - started) / max(1, done)

    one()
    start = time.monotonic() - begun
    first = mean(UNTIMED - 1)
    exact = first
    if run.samplers:
        exact = mean(UNTIMED + STEPS - int(run.optimizer.step) + UNTIMED)
    judging = _judging(run)
    return Pace(start, first, exact, judging, _closing(run, judging))


def _judging(run: Run) -> float:
    if not run.data.rows("eval"):
        return 0.0
    judge = judge_of(run, make_held_out_loss(run))
    judge()
    return seconds_of(judge)


def _closing(run: Run, judging: float) -> float:
    """All that is computed of held-out rows after the last epoch, and what does not depend on
    rows."""
    judged = max(1, min(run.data.rows("eval"), ROWS_BETWEEN_EPOCHS))
    return SECONDS_TO_SAVE + rows_after(run) * judging / judged


def rows_after(run: Run) -> int:
    """How many rows are computed after the last epoch, one counted each time: for temperatures,
    gates of memories and what their parts are worth, calibration, and the final metrics."""
    held, test = run.data.rows("eval"), run.data.rows("test")
    heads = run.network.heads.values()
    fitted = sum(bool(KINDS[head.part.kind].temperature_sums(head.part)) for head in heads)
    batches = min(held, BATCHES_AT_MOST * run.spec.training.batch_size)
    rows = fitted * PASSES_OF_TEMPERATURE * batches
    rows += sum(gates.rows_judged(run, len(head.part.memories())) for head in heads)
    rows += sum(min(side, conformal.ROWS) for side in (held, test))
    return rows + held + test


def fastest_products(rows: int, width: int, outputs: int) -> str:
    """float32 or bfloat16, as this machine multiplies the matrices of a softmax head."""
    takes = time_of_rounding(rows, width, outputs)
    return "bfloat16" if takes < WORTH_ROUNDING else "float32"


def time_of_rounding(rows: int, width: int, outputs: int) -> float:
    """How long a product in bfloat16 takes here, one in float32 taking 1."""
    a = tf.random.stateless_normal([rows, width], [1, 2])
    b = tf.random.stateless_normal([outputs, width], [3, 4])

    def multiplied(kind: tf.DType) -> Callable[[], object]:
        @tf.function(autograph=False)
        def multiply() -> tf.Tensor:
            product = tf.matmul(tf.cast(a, kind), tf.cast(b, kind), transpose_b=True)
            return tf.reduce_sum(tf.cast(product, tf.float32))

        return lambda: multiply().numpy()

    exact, rounded = multiplied(tf.float32), multiplied(tf.bfloat16)
    # By turns: other work slows down both.
    turns = [(seconds_of(exact), seconds_of(rounded)) for _ in range(TURNS)]
    fastest, fastest_rounded = map(min, zip(*turns[1:], strict=True))
    return fastest_rounded / fastest


def seconds_of(what: Callable[[], object]) -> float:
    started = time.monotonic()
    what()
    return time.monotonic() - started
