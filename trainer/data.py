"""The examples of a data folder as batches of a fixed size.

Batches are a pure function of the files, the seed and the epoch, so that an interrupted run can go
on in the middle of an epoch with the batches that it had not seen. It is not a cache: memory stays
flat in the number of rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kinds.heads import network as heads
from kinds.heads.labels.numbering import MISSING, filtered
from kinds.inputs import network as inputs
from kinds.inputs.several.network import left_padded
from kinds.memory.averages import FOLDS, WIDTH
from kinds.memory.averages.network import LookUp
from kinds.names import WEIGHT
from kinds.parsing import ONE_NUMBER, SEVERAL_IDS, Arrays, Feature
from pipeline.spec import Spec

# Two times as many are in memory: those of which batches are made, and those that come next.
ROWS_TO_SHUFFLE = 100_000
# Batches are made in stacks that have about this many rows together.
ROWS_OF_A_STACK = 8_192
# Parsed at once. To read and shuffle rows takes four times as long as to parse them.
STACKS_AT_ONCE = 2


@dataclass(frozen=True)
class ExampleFeatures:
    """What is read of an example: features of the inputs, and the targets by head.

    `averages` are features that memories make of the inputs'. Where the rows were counted
    themselves, `counted`, they are made of the rows of other folds. `places` are those inputs and
    targets that training has at every place of a list, by the same names. `weigh` says how much
    each row counts beside its own weight, float32 [rows], of serialised examples and what they
    hold; those that count for nothing are not read. `left_out` are the labels that metrics of a
    head leave out, by head.
    """

    inputs: dict[str, Feature]
    targets: dict[str, Feature]
    weighted: bool
    averages: Mapping[str, LookUp] = field(default_factory=dict)
    counted: bool = False
    places: Mapping[str, Feature] = field(default_factory=dict)
    weigh: "Callable[[tf.Tensor, Batch], tf.Tensor] | None" = None
    left_out: Mapping[str, Feature] = field(default_factory=dict)

    def parsing(self) -> dict[str, Any]:
        weight = {WEIGHT: ONE_NUMBER} if self.weighted else {}
        left_out = {filtered(name): feature for name, feature in self.left_out.items()}
        parts = self.inputs | self.targets | weight | left_out
        return {name: feature.parsing for name, feature in parts.items()}

    def ids(self) -> list[str]:
        """The inputs' features that are ids, of each sequence the last one."""
        return [name for name, feature in self.inputs.items() if feature.dtype == tf.int32]


def example_features(spec: Spec, entries: Mapping[str, int]) -> ExampleFeatures:
    """What the examples of this spec hold. `entries` is the number of values of each vocabulary."""
    found: dict[str, Feature] = {}
    for name, part in spec.inputs.items():
        found |= inputs.KINDS[part.kind].features(name, part, entries)
    targets = {name: heads.KINDS[head.kind].target(head) for name, head in spec.heads.items()}
    return ExampleFeatures(
        found,
        targets,
        spec.weight is not None,
        places=_at_places(spec, entries),
        left_out=dict.fromkeys(spec.left_out(), _LEFT_OUT),
    )


def _padded(ragged: tf.RaggedTensor) -> tf.Tensor:
    return tf.cast(ragged.to_tensor(MISSING), tf.int32)


_LEFT_OUT = Feature(SEVERAL_IDS, tf.int32, _padded, (None,))


def _at_places(spec: Spec, entries: Mapping[str, int]) -> dict[str, Feature]:
    along = [(name, part) for name, part in spec.prepared_inputs().items() if name in spec.along()]
    found = {n: inputs.KINDS[part.kind].features(n, part, entries)[n] for n, part in along}
    padded = partial(left_padded, length=spec.places, padding=MISSING)
    target = Feature(SEVERAL_IDS, tf.int32, padded, (spec.places,))
    return found | dict.fromkeys(spec.followed(), target)


class Batch(NamedTuple):
    """`batch` examples. The last batch of a split is filled up with rows of weight 0.

    features: name -> int32 [batch], int32 [batch, length], float32 [batch] or [batch, width]
    targets: head -> int32 [batch] (-1 missing), int32 [batch, labels] (-1 missing, -2 no label)
        or float32 [batch] (NaN missing)
    weights: float32 [batch]
    places: input or head -> int32 [batch, places], where heads are trained at every place of a
        list; `targets` have the last place's
    left_out: head -> int32 [batch, labels] (-1 none), the labels that its filtered metrics leave
        out
    """

    features: dict[str, tf.Tensor]
    targets: dict[str, tf.Tensor]
    weights: tf.Tensor
    places: dict[str, tf.Tensor]
    left_out: dict[str, tf.Tensor]


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """
    >>> steps_per_epoch(2049, 1024)
    3
    """
    return -(-rows // batch_size)


def batches(
    files: Sequence[str],
    features: ExampleFeatures,
    *,
    batch_size: int,
    order: tuple[int, int] | None = None,
    skip: int = 0,
) -> tf.data.Dataset:
    """Batches of one epoch, without the first `skip`.

    `order` is (seed, epoch) and shuffles files and rows; None keeps the files' own order.
    """
    stacks, within = _stacks(files, features, batch_size, range(batch_size), order, skip)
    return stacks.unbatch().skip(within).prefetch(4)


def step_batches(
    files: Sequence[str],
    features: ExampleFeatures,
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
    stacks, within = _stacks(files, features, batch_size, own, order, skip)
    return islice(chain.from_iterable(map(_cut_up, iter(stacks))), within, None)


class RowsInMemory:
    """The batches of `step_batches` for few rows, at most ROWS_TO_SHUFFLE, which stay in memory as
    serialised examples. To set up their reading takes a fifth of a second an epoch, which is many
    times as long as the steps of a small table."""

    def __init__(
        self, files: Sequence[str], features: ExampleFeatures, *, batch_size: int, own: range
    ) -> None:
        self._files, self._at_once = list(files), max(1, ROWS_OF_A_STACK // batch_size)
        self._rows_at_once = self._at_once * batch_size
        self._records = {
            file: tf.concat([tf.zeros([0], tf.string), *_chosen([file], features)], 0)
            for file in self._files
        }
        self._stack = tf.function(
            lambda serialized: _stack(serialized, features, batch_size, own),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )

    def batches(self, order: tuple[int, int], skip: int) -> Iterator[Batch]:
        """Those of an epoch without the first `skip`."""
        whole, within = divmod(skip, self._at_once)
        with tf.device("CPU"):
            draw = np.random.default_rng(order)
            files = draw.permutation(self._files).tolist()
            seed = tf.constant(draw.integers(2**31), tf.int64)
            many = tf.concat([self._records[file] for file in files], 0)
            shuffled = shuffle(seed, tf.constant(0, tf.int64), many)
        starts = range(whole * self._rows_at_once, int(tf.size(shuffled)), self._rows_at_once)
        stacks = (self._stack_from(shuffled, start) for start in starts)
        return islice(chain.from_iterable(map(_cut_up, stacks)), within, None)

    def _stack_from(self, shuffled: tf.Tensor, start: int) -> Batch:
        with tf.device("CPU"):
            made: Batch = self._stack(shuffled[start : start + self._rows_at_once])
        return made


def shuffle(seed: tf.Tensor, place: tf.Tensor, many: tf.Tensor) -> tf.Tensor:
    """[rows] records in the order that follows from a seed and from how many lots came before."""
    keys = tf.random.stateless_uniform([tf.size(many)], tf.stack([seed, place]))
    return tf.gather(many, tf.argsort(keys))


def _cut_up(stack: Batch) -> list[Batch]:
    with tf.device("CPU"):  # rows stay where they were read until a step takes them
        features = {name: tf.unstack(values) for name, values in stack.features.items()}
        targets = {name: tf.unstack(values) for name, values in stack.targets.items()}
        weights = tf.unstack(stack.weights)
        places = {name: tf.unstack(values) for name, values in stack.places.items()}
        left_out = {name: tf.unstack(values) for name, values in stack.left_out.items()}
    parts = features, targets, places, left_out

    def batch(at: int, weight: tf.Tensor) -> Batch:
        given, wanted, along, left = ({n: v[at] for n, v in part.items()} for part in parts)
        return Batch(given, wanted, weight, along, left)

    return [batch(at, weight) for at, weight in enumerate(weights)]


def _stacks(
    files: Sequence[str],
    features: ExampleFeatures,
    batch_size: int,
    own: range,
    order: tuple[int, int] | None,
    skip: int,
) -> tuple[tf.data.Dataset, int]:
    """Batches as stacks [at most this many, rows of `own`, ...], and how many batches of the first
    stack are still to be skipped: wherever reading begins, the same batches are in one stack."""
    at_once = max(1, ROWS_OF_A_STACK // batch_size)
    whole, within = divmod(skip, at_once)

    @tf.autograph.experimental.do_not_convert
    def stacked(serialized: tf.Tensor) -> Batch:
        return _stack(serialized, features, batch_size, own)

    parsed = (
        _records(files, features, order, at_once * batch_size)
        .skip(whole)
        .map(stacked, num_parallel_calls=STACKS_AT_ONCE, deterministic=True)
    )
    options = tf.data.Options()
    options.experimental_warm_start = True  # begins with the iterator, not with its first batch
    # Whoever lets go of an iterator waits until its tuner wakes up: up to 20 s after an epoch.
    options.autotune.enabled = False
    return parsed.prefetch(2).with_options(options), within


def _records(
    files: Sequence[str], features: ExampleFeatures, order: tuple[int, int] | None, at_once: int
) -> tf.data.Dataset:
    """Serialised examples [at_once]; only the last of them are fewer.

    They are shuffled a great many at once, as one tensor: to hand single records on costs ten
    times as much as to read them. Files are read one after the other. Prepare draws which of them
    a row goes to, so each has some of all parts of the input, while the beginnings of several files
    would all be its first part.
    """
    if not files:
        return tf.data.Dataset.from_tensor_slices(tf.zeros([0], tf.string)).batch(at_once)
    if order is None:
        chosen = features.weigh is not None
        return _chosen(files, features).rebatch(at_once) if chosen else _read(files, at_once)
    draw = np.random.default_rng(order)
    records = _chosen(draw.permutation(files).tolist(), features)
    seed = tf.constant(draw.integers(2**31), tf.int64)
    shuffled = tf.autograph.experimental.do_not_convert(partial(shuffle, seed))
    return records.enumerate().map(shuffled).prefetch(1).rebatch(at_once)


def _read(files: Sequence[str], at_once: int) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(list(files), compression_type="GZIP").batch(at_once)


def _chosen(files: Sequence[str], features: ExampleFeatures) -> tf.data.Dataset:
    """Serialised examples, a great many at once: those that count for something."""
    records = _read(files, ROWS_TO_SHUFFLE)
    if features.weigh is None:
        return records

    @tf.autograph.experimental.do_not_convert
    def that_count(serialized: tf.Tensor) -> tf.Tensor:
        place = tf.range(tf.size(serialized))
        return tf.boolean_mask(serialized, parse(serialized, features, place).weights > 0)

    return records.map(that_count)


def count_rows(files: Sequence[str], features: ExampleFeatures) -> int:
    """How many rows count for something."""
    return sum(int(tf.size(many)) for many in _chosen(files, features)) if files else 0


def _stack(serialized: tf.Tensor, features: ExampleFeatures, batch_size: int, own: range) -> Batch:
    """Serialised examples [rows] as the rows `own` of the batches that they make."""
    count = -(-tf.size(serialized) // batch_size)
    place = tf.reshape(tf.range(count * batch_size), [count, batch_size])
    rows = parse(serialized, features, tf.reshape(place[:, own.start : own.stop], [-1]))

    def stacked(values: tf.Tensor) -> tf.Tensor:
        one = [-1 if size is None else size for size in values.shape[1:]]
        return tf.reshape(values, [count, len(own), *one])

    return tf.nest.map_structure(stacked, rows)


def parse(serialized: tf.Tensor, features: ExampleFeatures, place: tf.Tensor) -> Batch:
    """Those of the serialised examples [rows] whose places are asked for, as a Batch. Places after
    the last row are filled up with copies of it: valid values, and no weight."""
    rows = tf.size(serialized)
    serialized = tf.gather(serialized, tf.minimum(place, rows - 1))
    found = tf.io.parse_example(serialized, features.parsing())
    given = {name: feature.tensor(found[name]) for name, feature in features.inputs.items()}
    folds = _folds(serialized, features.counted)
    given |= {name: average(given, folds) for name, average in features.averages.items()}
    targets = {name: feature.tensor(found[name]) for name, feature in features.targets.items()}
    weights = found[WEIGHT] if features.weighted else tf.ones(tf.shape(place))
    places = {name: feature.tensor(found[name]) for name, feature in features.places.items()}
    left_out = {n: feature.tensor(found[filtered(n)]) for n, feature in features.left_out.items()}
    batch = Batch(given, targets, tf.where(place < rows, weights, 0.0), places, left_out)
    if features.weigh is None:
        return batch
    return batch._replace(weights=batch.weights * features.weigh(serialized, batch))


def _folds(serialized: tf.Tensor, counted: bool) -> tf.Tensor:
    """Equal examples are in one fold; prepare finds it in the same way (preparing.averages)."""
    if not counted:
        return tf.fill(tf.shape(serialized), tf.constant(FOLDS, tf.int64))
    return tf.strings.to_hash_bucket_fast(serialized, FOLDS)


def batch_signature(features: ExampleFeatures, batch_size: int) -> Batch:
    """The shapes of a Batch, for a tf.function that is traced once."""
    averages = tf.TensorSpec([batch_size, WIDTH], tf.float32)
    return Batch(
        {name: feature.signature(batch_size) for name, feature in features.inputs.items()}
        | dict.fromkeys(features.averages, averages),
        {name: feature.signature(batch_size) for name, feature in features.targets.items()},
        tf.TensorSpec([batch_size], tf.float32),
        {name: feature.signature(batch_size) for name, feature in features.places.items()},
        {name: feature.signature(batch_size) for name, feature in features.left_out.items()},
    )


def collect(
    batches_of_rows: tf.data.Dataset, features: ExampleFeatures, rows: int
) -> dict[str, np.ndarray]:
    """All of a split as NumPy arrays of 4 bytes a value, by name: what the baselines and the priors
    count. The weights are there in any case."""
    gathered: dict[str, list[np.ndarray]] = {}
    for batch in batches_of_rows.as_numpy_iterator():
        for name, values in _counted(batch, features, rows).items():
            gathered.setdefault(name, []).append(values)
        rows -= len(batch.weights)
    return {name: np.concatenate(parts) for name, parts in gathered.items()}


def _counted(batch: Batch, features: ExampleFeatures, rows: int) -> Arrays:
    """The first `rows` of a batch, the others only fill it up."""
    found: Arrays = {}
    for name, feature in (features.inputs | features.targets).items():
        values = batch.features[name] if name in features.inputs else batch.targets[name]
        found |= feature.counted(name, values[:rows])
    found |= {place_name(name): values[:rows] for name, values in batch.places.items()}
    return found | {WEIGHT: batch.weights[:rows]}


def place_name(name: str) -> str:
    """The name of what an input or a head has at every place of a list, beside what it has of the
    row."""
    return f"{name}.places"
