"""Optimizers over an explicit list of variables, with slots and a step counter of their own.

The updates are TensorFlow's fused kernels: one pass over a variable, where Keras makes about ten.
Several optimizers can share a process, and each sees only its own variables: phases of a shared
block have one that train steps never touch.

Gradients are made dense first. A gradient of an embedding is a list of (row, gradient) in which a
row occurs once for each time that its id occurs in the batch. Keras 3.15 on TensorFlow hands that
list to the optimizer without merging it, and Adam, Adagrad, RMSprop and Adafactor then add the
squares of the parts to the second moment instead of the square of their sum: the moment is too
small, and the step too large, by up to the square root of the count.

Where only a few rows of a great variable have a gradient, as with sampled classes, these rows alone
can be updated. The parts of a row are summed first here too. Rows without a gradient keep weights
and moments as they are: with Adam their moments do not fade in the meantime ("lazy" Adam), and the
correction for the moments' start counts the optimizer's steps, not the row's. Weight decay reaches
every row all the same, but in every eighth step, eight times as strong, and so it does all else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kinds.row_sums import has_gpu, sum_by_row

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-7
ADAGRAD_START = 0.1
ADAGRAD_EPSILON = 1e-7
# Of a step that updates some rows of great variables: a pass over all rows costs more than that.
STEPS_BETWEEN_DECAYS = 8


@dataclass(frozen=True)
class Optimizer:
    """`slots[i]` belong to `variables[i]`; `step` counts the updates made.

    clip_norm: the length that the gradient of all variables is shortened to
    weight_decay: taken off matrices, times the rate, apart from the gradient (Loshchilov and Hutter
        2019, arXiv:1711.05101); biases have none
    averaging: how much of their mean a step keeps
    averages: the mean of each variable over the steps, none without `averaging`
    """

    kind: str
    variables: tuple[tf.Variable, ...]
    slots: tuple[tuple[tf.Variable, ...], ...]
    step: tf.Variable
    clip_norm: float | None = None
    weight_decay: float | None = None
    averaging: float | None = None
    averages: tuple[tf.Variable, ...] = ()

    def state(self) -> dict[str, tf.Variable]:
        """Everything that a checkpoint must hold, by name."""
        slots = {f"slot.{i}.{j}": s for i, of in enumerate(self.slots) for j, s in enumerate(of)}
        averages = {f"average.{i}": v for i, v in enumerate(self.averages)}
        return {"step": self.step, **slots, **averages}


def build_optimizer(
    kind: str,
    variables: Sequence[tf.Variable],
    *,
    clip_norm: float | None = None,
    weight_decay: float | None = None,
    averaging: float | None = None,
) -> Optimizer:
    """`kind` is adam, adagrad or sgd."""
    starts = {"adam": (0.0, 0.0), "adagrad": (ADAGRAD_START,), "sgd": ()}[kind]
    slots = tuple(
        tuple(tf.Variable(tf.fill(v.shape, start), trainable=False) for start in starts)
        for v in variables
    )
    averaged = () if averaging is None else variables
    return Optimizer(
        kind,
        tuple(variables),
        slots,
        step=tf.Variable(0, dtype=tf.int64, trainable=False),
        clip_norm=clip_norm,
        weight_decay=weight_decay,
        averaging=averaging,
        averages=tuple(tf.Variable(tf.zeros_like(v), trainable=False) for v in averaged),
    )


def apply(
    optimizer: Optimizer,
    gradients: Sequence[tf.Tensor | tf.IndexedSlices | None],
    rate: tf.Tensor,
    by_rows: Sequence[tf.Variable] = (),
) -> None:
    """One update of every variable. A variable without a gradient stays as it is, and of those in
    `by_rows` the rows without one."""
    rowwise = {id(variable) for variable in by_rows}
    found = [
        (v, s, *_summed(g, by_row=id(v) in rowwise))
        for v, s, g in _together(optimizer, gradients)
        if g is not None
    ]
    summed = [g for _, _, g, _ in found]
    if optimizer.clip_norm is not None:
        summed, _ = tf.clip_by_global_norm(summed, optimizer.clip_norm)
    step = tf.cast(optimizer.step.assign_add(1), tf.float32)
    for (variable, slots, _, touched), gradient in zip(found, summed, strict=True):
        if optimizer.weight_decay is not None and is_matrix(variable):
            every = STEPS_BETWEEN_DECAYS if by_rows else 1
            _decay(variable, rate * optimizer.weight_decay, optimizer.step, every)
        if touched is not None:
            _update_touched(optimizer.kind, variable, slots, gradient, touched, rate, step)
        else:
            update = _update_rows if isinstance(gradient, tf.IndexedSlices) else _update
            update(optimizer.kind, variable, slots, gradient, rate, step)
    if optimizer.averaging is not None:
        _average(optimizer, optimizer.averaging, step)


def is_matrix(variable: tf.Variable) -> bool:
    """Whether weights are what others are multiplied by; biases of members are a matrix in form
    only."""
    return len(variable.shape) > 1 and not variable.name.endswith("/bias:0")


def _decay(variable: tf.Variable, share: tf.Tensor, step: tf.Variable, every: int) -> None:
    """Takes `share` of it off in each step, or that of `every` steps at once."""

    def decay() -> tf.Operation:
        return variable.assign_sub(every * share * variable, read_value=False)

    if every == 1:
        decay()
    else:
        tf.cond(step % every == 0, decay, tf.no_op)


def _average(optimizer: Optimizer, kept: float, step: tf.Tensor) -> None:
    """Moves each average towards its variable.

    With this share the average after t steps is the mean of the t values so far, each weighing
    `kept` times as much as the next: what a plain exponential mean from 0 is after the division by
    1 - kept^t, without the pull of the start (as Adam's moments are corrected).
    """
    share = (1 - kept) / (1 - tf.pow(kept, step))
    for variable, average in zip(optimizer.variables, optimizer.averages, strict=True):
        average.assign_add(share * (variable - average))


def _together(
    optimizer: Optimizer, gradients: Sequence[tf.Tensor | tf.IndexedSlices | None]
) -> Sequence[tuple[tf.Variable, tuple[tf.Variable, ...], tf.Tensor | tf.IndexedSlices | None]]:
    return list(zip(optimizer.variables, optimizer.slots, gradients, strict=True))


def merged(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    """A dense gradient in which the parts of a repeated row are summed."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return sum_by_row(gradient.values, gradient.indices, gradient.dense_shape[0])


def distinct_rows(gradient: tf.Tensor | tf.IndexedSlices) -> tf.IndexedSlices:
    """A gradient in which the parts of a repeated row are summed, of the rows that have one; of a
    dense gradient, as several workers have averaged it, those that are not 0."""
    if not isinstance(gradient, tf.IndexedSlices):
        rows = tf.where(touched_rows(gradient))[:, 0]
        return tf.IndexedSlices(tf.gather(gradient, rows), rows, tf.shape(gradient))
    rows, places = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def _summed(
    gradient: tf.Tensor | tf.IndexedSlices, *, by_row: bool
) -> tuple[tf.Tensor | tf.IndexedSlices, tf.Tensor | None]:
    """The gradient with the parts of a repeated row summed. `by_row`: of the rows that have one,
    which a GPU is told by a mask [rows] beside all of them: XLA's shapes do not follow the data."""
    if not by_row:
        return merged(gradient), None
    if not has_gpu():
        return distinct_rows(gradient), None
    return merged(gradient), touched_rows(gradient)


def touched_rows(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    """Which rows have a gradient, bool [rows]; of a dense one, those that are not 0."""
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.reduce_any(tf.reshape(gradient, [gradient.shape[0], -1]) != 0, axis=1)
    times = tf.ones_like(gradient.indices, tf.float32)
    return sum_by_row(times, gradient.indices, gradient.dense_shape[0]) > 0


def _update_rows(
    kind: str,
    variable: tf.Variable,
    slots: tuple[tf.Variable, ...],
    gradient: tf.IndexedSlices,
    rate: tf.Tensor,
    step: tf.Tensor,
) -> None:
    """As `_update`, of some rows."""
    rows = gradient.indices
    old, *olds = (tf.gather(v, rows) for v in (variable, *slots))
    news, change = _moved(kind, olds, gradient.values, rate, step)
    # Setting rows takes a third of the time that subtracting from them does.
    for v, new in zip((variable, *slots), (old - change, *news), strict=True):
        v.scatter_update(tf.IndexedSlices(new, rows))


def _update_touched(
    kind: str,
    variable: tf.Variable,
    slots: tuple[tf.Variable, ...],
    gradient: tf.Tensor,
    touched: tf.Tensor,
    rate: tf.Tensor,
    step: tf.Tensor,
) -> None:
    """As `_update_rows`, of the rows that are `touched` [rows]."""
    news, change = _moved(kind, slots, gradient, rate, step)
    there = tf.reshape(touched, [-1] + [1] * (len(variable.shape) - 1))
    for slot, new in zip(slots, news, strict=True):
        slot.assign(tf.where(there, new, slot))
    variable.assign_sub(tf.where(there, change, 0.0))


def _moved(
    kind: str, slots: Sequence[Any], g: tf.Tensor, rate: tf.Tensor, step: tf.Tensor
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The slots after a gradient, and what it takes off the weights."""
    match kind:
        case "adam":
            first, second = ADAM_BETAS
            m = first * slots[0] + (1 - first) * g
            v = second * slots[1] + (1 - second) * g * g
            corrected = rate * tf.sqrt(1 - tf.pow(second, step)) / (1 - tf.pow(first, step))
            return [m, v], corrected * m / (tf.sqrt(v) + ADAM_EPSILON)
        case "adagrad":
            total = slots[0] + g * g
            return [total], rate * g / (tf.sqrt(total) + ADAGRAD_EPSILON)
        case _:
            return [], rate * g


def _update(
    kind: str,
    variable: tf.Variable,
    slots: tuple[tf.Variable, ...],
    gradient: tf.Tensor,
    rate: tf.Tensor,
    step: tf.Tensor,
) -> None:
    handles = [slot.handle for slot in slots]
    match kind:
        case "adam":
            first, second = ADAM_BETAS
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=handles[0],
                v=handles[1],
                beta1_power=tf.pow(first, step),
                beta2_power=tf.pow(second, step),
                lr=rate,
                beta1=first,
                beta2=second,
                epsilon=ADAM_EPSILON,
                grad=gradient,
            )
        case "adagrad":
            tf.raw_ops.ResourceApplyAdagradV2(
                var=variable.handle,
                accum=handles[0],
                lr=rate,
                epsilon=ADAGRAD_EPSILON,
                grad=gradient,
            )
        case "sgd":
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
