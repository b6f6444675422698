"""The examples of a data folder as batches of a fixed size.

Batches are a pure function of the files, the seed and the epoch, so that an interrupted run can go
on in the middle of an epoch with the batches that it had not seen. It is not a cache: memory stays
flat in the number of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kinds.heads.classification.spec import Classification
from kinds.heads.multilabel.spec import Multilabel
from kinds.inputs.category.spec import Category
from kinds.inputs.number.spec import Number
from kinds.inputs.sequence.spec import Sequence as SequenceInput
from pipeline.spec import Spec

MISSING_LABEL = -1
NO_LABEL = -2
# Two times as many are in memory: those of which batches are made, and those that come next.
ROWS_TO_SHUFFLE = 100_000
# Batches are made and handed on as stacks of some that have about so many rows together.
ROWS_OF_A_STACK = 8_192


@dataclass(frozen=True)
class Columns:
    """What an example holds, by feature name.

    `sequences` maps a name to (length, the id that pads it).
    """

    ids: tuple[str, ...]
    sequences: dict[str, tuple[int, int]]
    numbers: tuple[str, ...]
    labels: tuple[str, ...]
    label_sets: tuple[str, ...]
    values: tuple[str, ...]
    weighted: bool


class Batch(NamedTuple):
    """`batch` examples. The last batch of a split is filled up with rows of weight 0.

    features: name -> int32 [batch], int32 [batch, length] or float32 [batch]
    targets: head -> int32 [batch] (-1 missing), int32 [batch, labels] (-1 missing, -2 no label)
        or float32 [batch] (NaN missing)
    weights: float32 [batch]
    """

    features: dict[str, tf.Tensor]
    targets: dict[str, tf.Tensor]
    weights: tf.Tensor


def columns_of(spec: Spec, entries: Mapping[str, int]) -> Columns:
    """The features that the examples of this spec have."""
    ids, sequences, numbers = [], {}, []
    for name, part in spec.inputs.items():
        match part:
            case SequenceInput():
                sequences[name] = (part.length, entries[part.vocabulary] + 1)
            case Category():
                ids.append(name)
            case Number(scale="buckets"):
                ids.append(name)
            case Number():
                numbers += [name] if part.missing == "reject" else [name, f"{name}.missing"]
    labels = tuple(n for n, h in spec.heads.items() if isinstance(h, Classification))
    label_sets = tuple(n for n, h in spec.heads.items() if isinstance(h, Multilabel))
    values = tuple(n for n in spec.heads if n not in labels + label_sets)
    weighted = spec.weight is not None
    return Columns(tuple(ids), sequences, tuple(numbers), labels, label_sets, values, weighted)


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """
    >>> steps_per_epoch(2049, 1024)
    3
    """
    return -(-rows // batch_size)


def batches(
    files: Sequence[str],
    columns: Columns,
    *,
    batch_size: int,
    order: tuple[int, int] | None = None,
    skip: int = 0,
) -> tf.data.Dataset:
    """Batches of one epoch, without the first `skip`.

    `order` is (seed, epoch) and shuffles files and rows; None keeps the files' own order.
    """
    stacks, within = _stacks(files, columns, batch_size, range(batch_size), order, skip)
    return stacks.unbatch().skip(within).prefetch(4)


def handed_on(
    files: Sequence[str],
    columns: Columns,
    *,
    batch_size: int,
    own: range,
    order: tuple[int, int],
    skip: int,
) -> Iterator[Batch]:
    """The rows `own` of each of the batches, for steps that are to wait as little as they can.

    They are read from now on, not from the first one asked for. To hand on an element of a dataset
    takes some 0.6 ms, be it a batch or a whole stack.
    """
    stacks, within = _stacks(files, columns, batch_size, own, order, skip)
    return islice(chain.from_iterable(map(_cut_up, iter(stacks))), within, None)


def _cut_up(stack: Batch) -> list[Batch]:
    with tf.device("CPU"):  # rows stay where they were read until a step takes them
        features = {name: tf.unstack(values) for name, values in stack.features.items()}
        targets = {name: tf.unstack(values) for name, values in stack.targets.items()}
        weights = tf.unstack(stack.weights)
    return [
        Batch({n: v[i] for n, v in features.items()}, {n: v[i] for n, v in targets.items()}, weight)
        for i, weight in enumerate(weights)
    ]


def _stacks(
    files: Sequence[str],
    columns: Columns,
    batch_size: int,
    own: range,
    order: tuple[int, int] | None,
    skip: int,
) -> tuple[tf.data.Dataset, int]:
    """Batches as stacks [at most so many, rows of `own`, ...], and how many batches of the first
    stack are still to be skipped: wherever reading begins, the same batches are in one stack."""
    at_once = max(1, ROWS_OF_A_STACK // batch_size)
    whole, within = divmod(skip, at_once)
    parsed = (
        _records(files, order, at_once * batch_size)
        .skip(whole)
        .map(
            lambda serialized: _stack(serialized, columns, batch_size, own),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
    )
    options = tf.data.Options()
    options.experimental_warm_start = True  # begins with the iterator, not with its first batch
    return parsed.prefetch(2).with_options(options), within


def _records(files: Sequence[str], order: tuple[int, int] | None, at_once: int) -> tf.data.Dataset:
    """Serialised examples [at_once]; only the last of them are fewer.

    They are shuffled a great many at once, as one tensor: to hand single records on costs ten
    times as much as to read them. Files are read one after the other. Prepare deals rows out to
    them in turn, so each has some of all parts of the input, while the beginnings of several files
    would all be its first part.
    """
    if not files:
        return tf.data.Dataset.from_tensor_slices(tf.zeros([0], tf.string)).batch(at_once)
    if order is None:
        return _file_records(files, at_once)
    draw = np.random.default_rng(order)
    records = _file_records(draw.permutation(files).tolist(), ROWS_TO_SHUFFLE)
    seed = tf.constant(draw.integers(2**31), tf.int64)

    def shuffle(place: tf.Tensor, many: tf.Tensor) -> tf.Tensor:
        keys = tf.random.stateless_uniform([tf.size(many)], tf.stack([seed, place]))
        return tf.gather(many, tf.argsort(keys))

    return records.enumerate().map(shuffle).prefetch(1).rebatch(at_once)


def _file_records(files: Sequence[str], at_once: int) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(list(files), compression_type="GZIP").batch(at_once)


def _stack(serialized: tf.Tensor, columns: Columns, batch_size: int, own: range) -> Batch:
    """Serialised examples [rows] as the rows `own` of the batches that they make."""
    count = -(-tf.size(serialized) // batch_size)
    place = tf.reshape(tf.range(count * batch_size), [count, batch_size])
    rows = parse(serialized, columns, tf.reshape(place[:, own.start : own.stop], [-1]))

    def stacked(values: tf.Tensor) -> tf.Tensor:
        one = [-1 if size is None else size for size in values.shape[1:]]
        return tf.reshape(values, [count, len(own), *one])

    return tf.nest.map_structure(stacked, rows)


def parse(serialized: tf.Tensor, columns: Columns, place: tf.Tensor) -> Batch:
    """Those of the serialised examples [rows] whose places are asked for, as a Batch. Places after
    the last row are filled up with copies of it: valid values, and no weight."""
    rows = tf.size(serialized)
    found = tf.io.parse_example(
        tf.gather(serialized, tf.minimum(place, rows - 1)), _parsing(columns)
    )
    features = {name: tf.cast(found[name], tf.int32) for name in columns.ids}
    for name, (length, padding) in columns.sequences.items():
        features[name] = left_padded(found[name], length=length, padding=padding)
    features |= {name: found[name] for name in columns.numbers}
    targets = {name: tf.cast(found[name], tf.int32) for name in columns.labels}
    for name in columns.label_sets:
        targets[name] = tf.cast(found[name].to_tensor(NO_LABEL), tf.int32)
    targets |= {name: found[name] for name in columns.values}
    weights = found["row.weight"] if columns.weighted else tf.ones(tf.shape(place))
    return Batch(features, targets, tf.where(place < rows, weights, 0.0))


def _parsing(columns: Columns) -> dict[str, Any]:
    number = tf.io.FixedLenFeature([], tf.float32)
    ids = tf.io.FixedLenFeature([], tf.int64)
    several = tf.io.RaggedFeature(tf.int64)
    return (
        dict.fromkeys((*columns.ids, *columns.labels), ids)
        | dict.fromkeys((*columns.sequences, *columns.label_sets), several)
        | dict.fromkeys((*columns.numbers, *columns.values), number)
        | ({"row.weight": number} if columns.weighted else {})
    )


def left_padded(ragged: tf.RaggedTensor, *, length: int, padding: int) -> tf.Tensor:
    """[rows, (ids)] to int32 [rows, length]: the last `length` ids, padded on the left.

    >>> left_padded(tf.ragged.constant([[1, 2, 3], [], [4]]), length=2, padding=9).numpy().tolist()
    [[2, 3], [9, 9], [9, 4]]
    """
    place = tf.range(length, dtype=tf.int64)[None, :] - length
    ends = tf.cast(ragged.row_limits(), tf.int64)[:, None]
    starts = tf.cast(ragged.row_starts(), tf.int64)[:, None]
    values = tf.concat([[padding], tf.cast(ragged.values, tf.int32)], axis=0)
    return tf.gather(values, tf.where(ends + place >= starts, ends + place + 1, 0))


def batch_signature(columns: Columns, batch_size: int) -> Batch:
    """The shapes of a Batch, for a tf.function that is traced once."""
    ids, floats = (tf.TensorSpec([batch_size], t) for t in (tf.int32, tf.float32))
    features = dict.fromkeys(columns.ids, ids) | dict.fromkeys(columns.numbers, floats)
    for name, (length, _) in columns.sequences.items():
        features[name] = tf.TensorSpec([batch_size, length], tf.int32)
    targets = dict.fromkeys(columns.labels, ids) | dict.fromkeys(columns.values, floats)
    targets |= dict.fromkeys(columns.label_sets, tf.TensorSpec([batch_size, None], tf.int32))
    return Batch(features, targets, floats)


def collect(batches_of_rows: tf.data.Dataset, rows: int) -> dict[str, np.ndarray]:
    """All of a split as NumPy arrays of 4 bytes a value: what the baselines and the priors count.

    A sequence gives its last id, a label set `<head>` (all its labels in one row of numbers) and
    `<head>.count` (how many each row has, -1 where the target is missing). `row.weight` is there
    in any case.
    """
    gathered: dict[str, list[np.ndarray]] = {}
    for batch in batches_of_rows.as_numpy_iterator():
        for name, values in _flat(batch, rows):
            gathered.setdefault(name, []).append(values)
        rows -= len(batch.weights)
    return {name: np.concatenate(parts) for name, parts in gathered.items()}


def _flat(batch: Batch, rows: int) -> Iterator[tuple[str, np.ndarray]]:
    """The first `rows` of a batch, the others only fill it up."""
    for name, values in batch.features.items():
        # A copy: a view would keep the whole batch.
        yield name, (values if values.ndim == 1 else values[:, -1].copy())[:rows]
    for name, all_values in batch.targets.items():
        values = all_values[:rows]
        if values.ndim == 1:
            yield name, values
        else:
            yield name, values[values >= 0]
            missing = (values == MISSING_LABEL).any(axis=1)
            yield f"{name}.count", np.where(missing, -1, (values >= 0).sum(axis=1))
    yield "row.weight", batch.weights[:rows]
