"""The examples of a data folder as batches of a fixed size.

Batches are a pure function of the files, the seed and the epoch, so that an interrupted run can go
on in the middle of an epoch with the batches that it had not seen. It is not a cache: memory stays
flat in the number of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.spec import Category, Classification, Multilabel, Number, Spec
from pipeline.spec import Sequence as SequenceInput

MISSING_LABEL = -1
NO_LABEL = -2
# Two times as many are in memory: those of which batches are made, and those that come next.
ROWS_TO_SHUFFLE = 100_000
FILES_AT_ONCE = 8
RECORDS_OF_A_FILE_AT_ONCE = 64


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
    parsed = (
        _records(files, order, batch_size)
        .skip(skip)
        .map(
            lambda serialized: parse(serialized, columns, batch_size),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
    )
    options = tf.data.Options()
    options.experimental_warm_start = True  # begins with the iterator, not with its first batch
    return parsed.prefetch(4).with_options(options)


def _records(
    files: Sequence[str], order: tuple[int, int] | None, batch_size: int
) -> tf.data.Dataset:
    """Serialised examples [at most batch_size]; only the last of them are fewer.

    They are shuffled a great many at once, as one tensor: to hand single records on costs ten
    times as much as to read them.
    """
    if not files:
        return tf.data.Dataset.from_tensor_slices(tf.zeros([0], tf.string)).batch(batch_size)
    if order is None:
        return _file_records(list(files), batch_size)
    draw = np.random.default_rng(order)
    shuffled = tf.data.Dataset.from_tensor_slices(draw.permutation(list(files)))
    records = shuffled.interleave(
        lambda file: _file_records(file, RECORDS_OF_A_FILE_AT_ONCE),
        cycle_length=FILES_AT_ONCE,
    )
    seed = tf.constant(draw.integers(2**31), tf.int64)

    def shuffle(place: tf.Tensor, many: tf.Tensor) -> tf.Tensor:
        keys = tf.random.stateless_uniform([tf.size(many)], tf.stack([seed, place]))
        return tf.gather(many, tf.argsort(keys))

    many = records.rebatch(ROWS_TO_SHUFFLE).enumerate().map(shuffle).prefetch(1)
    return many.rebatch(batch_size)


def _file_records(files: str | list[str] | tf.Tensor, batch_size: int) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(files, compression_type="GZIP").batch(batch_size)


def parse(serialized: tf.Tensor, columns: Columns, batch_size: int) -> Batch:
    """Serialised examples [rows <= batch_size] to a Batch of exactly `batch_size` rows."""
    rows = tf.shape(serialized)[0]
    place = tf.range(batch_size)
    # The rows that fill up are copies of the last one: valid values, and no weight.
    serialized = tf.gather(serialized, tf.minimum(place, rows - 1))
    found = tf.io.parse_example(serialized, _parsing(columns))
    features = {name: tf.cast(found[name], tf.int32) for name in columns.ids}
    for name, (length, padding) in columns.sequences.items():
        features[name] = left_padded(found[name], length=length, padding=padding)
    features |= {name: found[name] for name in columns.numbers}
    targets = {name: tf.cast(found[name], tf.int32) for name in columns.labels}
    for name in columns.label_sets:
        targets[name] = tf.cast(found[name].to_tensor(NO_LABEL), tf.int32)
    targets |= {name: found[name] for name in columns.values}
    weights = found["row.weight"] if columns.weighted else tf.ones([batch_size])
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
