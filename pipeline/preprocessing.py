"""The transform graph: from raw features to the features of an example.

`preprocessing_fn` is a plain TensorFlow function; tables, means and boundaries are constants in it,
because they are learned already. Nothing here reads rows. The graph is the record of what prepare
does to a row; pipeline.features does the same to many rows at a time.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from kinds.heads.binary.spec import Binary
from kinds.heads.count.spec import Counts as CountHead
from kinds.heads.multilabel.spec import Multilabel
from kinds.heads.regression.spec import Regression
from kinds.inputs.number.spec import LIMIT as NUMBER_LIMIT
from kinds.inputs.number.spec import Number
from kinds.inputs.sequence.spec import Sequence as SequenceInput
from pipeline import spec as specs
from pipeline.learning import Learned
from pipeline.plan import standardised
from pipeline.statistics import DROPPED, WEIGHT
from pipeline.tensors import MISSING

Tensors = dict[str, Any]


def preprocessing_fn(spec: specs.Spec, learned: Learned) -> Callable[[Tensors], Tensors]:
    """The function for tf.Transform: raw features [batch] or ragged [batch, None] to features."""

    def preprocess(raw: Tensors) -> Tensors:
        texts = _texts(spec, raw)
        ids, sizes = _ids(spec, texts, learned)
        outputs = _embedded(spec, texts, ids, sizes)
        outputs |= _labels(spec, texts, ids, sizes)
        outputs |= _numbers(spec, raw, learned)
        outputs |= _plain_targets(spec, raw)
        if spec.weight is not None:
            outputs[WEIGHT] = _column(raw[WEIGHT])
        return outputs

    return preprocess


def _column(values: Any) -> Any:
    return tf.expand_dims(values, 1)


def _texts(spec: specs.Spec, raw: Tensors) -> Tensors:
    """The texts that are looked up; of a sequence the last `length`."""
    texts = {name: raw[name] for name in [*spec.embedded_inputs(), *spec.label_heads()]}
    for name, part in spec.embedded_inputs().items():
        if isinstance(part, SequenceInput):
            texts[name] = _last(_without_missing_lists(texts[name]), part.length)
    return texts


def _without_missing_lists(ragged: Any) -> Any:
    return tf.ragged.boolean_mask(ragged, ragged != MISSING)


def _last(ragged: Any, length: int) -> Any:
    """The last `length` of each list, oldest first."""
    index = tf.ragged.range(ragged.row_lengths()).flat_values
    first = tf.repeat(ragged.row_lengths() - length, ragged.row_lengths())
    return tf.ragged.boolean_mask(ragged, ragged.with_flat_values(index >= first))


def _flat(text: Any) -> Any:
    return text.flat_values if isinstance(text, tf.RaggedTensor) else text


def _ids(spec: specs.Spec, texts: Tensors, learned: Learned) -> tuple[Tensors, Tensors]:
    """The id of each text, shaped as the texts, by name; the number of entries by vocabulary.

    That number is also the id of every value that has none of its own. Each user has a look-up of
    its own: an input's features must not hang on the targets, which rows to be scored lack.
    """
    ids: Tensors = {}
    sizes: Tensors = {}
    for name in spec.vocabularies:
        users = _users({**spec.embedded_inputs(), **spec.label_heads()}, name)
        values = learned.entries[name].values
        table = _table(name, values.to_pylist())
        ids |= {user: table.lookup(_flat(texts[user])) for user in users}
        sizes[name] = tf.constant(len(values), tf.int64)
    return ids, sizes


def _table(name: str, values: list[str]) -> Any:
    """Each value to its place, all others to the place after the last."""
    return tft.make_and_track_object(
        lambda: tf.lookup.StaticVocabularyTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant([value.encode() for value in values], tf.string),
                tf.range(len(values), dtype=tf.int64),
            ),
            num_oov_buckets=1,
        ),
        name=f"vocabulary_{name}",
    )


def _users(parts: dict[str, Any], vocabulary: str) -> list[str]:
    return [name for name, part in parts.items() if part.vocabulary == vocabulary]


def _is_missing(flat: Any) -> Any:
    return tf.logical_or(flat == b"", flat == MISSING)


def _embedded(spec: specs.Spec, texts: Tensors, ids: Tensors, sizes: Tensors) -> Tensors:
    outputs = {}
    for name, part in spec.embedded_inputs().items():
        missing = _is_missing(_flat(texts[name]))
        found = tf.where(missing, sizes[part.vocabulary] + 1, ids[name])
        if isinstance(part, SequenceInput):
            outputs[name] = texts[name].with_flat_values(found)
        else:
            outputs[name] = _column(found)
    return outputs


def _labels(spec: specs.Spec, texts: Tensors, ids: Tensors, sizes: Tensors) -> Tensors:
    outputs = {}
    for name, head in spec.label_heads().items():
        missing = _flat(texts[name]) == MISSING
        found = tf.where(missing, tf.constant(-1, tf.int64), ids[name])
        if isinstance(head, Multilabel):
            labels, size = texts[name].with_flat_values(found), sizes[head.vocabulary]
            outputs[name] = _distinct(tf.ragged.boolean_mask(labels, labels < size))
            unknown = tf.cast(labels >= size, tf.int64)
            outputs[name + DROPPED] = _column(tf.reduce_sum(unknown, axis=1))
        else:
            outputs[name] = _column(found)
    return outputs


def _distinct(labels: Any) -> Any:
    """Each row's ids once, rising."""
    width = tf.reduce_max(tf.concat([labels.flat_values, [0]], axis=0)) + 2
    keys = tf.unique(tf.sort(labels.value_rowids() * width + labels.flat_values + 1)).y
    return tf.RaggedTensor.from_value_rowids(keys % width - 1, keys // width, labels.nrows())


def _numbers(spec: specs.Spec, raw: Tensors, learned: Learned) -> Tensors:
    """Inputs that are numbers, and the targets on the same scale."""
    outputs, scaled = {}, _scaled(spec, raw, learned)
    for name, part in spec.number_inputs().items():
        missing = tf.math.is_nan(raw[name])
        filled = part.missing if isinstance(part.missing, float) else None
        if part.buckets is not None:
            bounds = learned.boundaries[name]
            outputs[name] = _column(_bucket(raw[name], part.buckets, filled, bounds))
            continue
        number = tf.where(tf.math.is_nan(scaled[name]), 0.0, scaled[name])
        if part.scale != "none":
            number = tf.clip_by_value(number, -NUMBER_LIMIT, NUMBER_LIMIT)
        outputs[name] = _column(number)
        if part.missing != "reject":
            outputs[name + ".missing"] = _column(tf.cast(missing, tf.float32))
    for name, head in spec.heads.items():
        if isinstance(head, Regression):
            outputs[name] = _column(scaled[name])
    return outputs


def _scaled(spec: specs.Spec, raw: Tensors, learned: Learned) -> Tensors:
    """Every number but the buckets, on its scale; NaN where it is missing still."""
    parts: dict[str, Any] = {**spec.number_inputs(), **spec.heads}
    parts = {name: p for name, p in parts.items() if isinstance(p, Number | Regression)}
    filled = {name: _curved(p.scale, _filled(raw[name], p)) for name, p in parts.items()}
    for name, (mean, std) in zip(standardised(spec), learned.moments.T, strict=True):
        filled[name] = (filled[name] - mean) / std
    return filled


def _filled(values: Any, part: Any) -> Any:
    missing = getattr(part, "missing", None)
    if not isinstance(missing, float):
        return values
    return tf.where(tf.math.is_nan(values), tf.constant(missing, tf.float32), values)


def _curved(scale: str, values: Any) -> Any:
    return tf.sign(values) * tf.math.log1p(tf.abs(values)) if scale == "log" else values


def _bucket(values: Any, buckets: int, filled: float | None, bounds: Any) -> Any:
    """The number of boundaries at or below the value; `buckets` where it is missing."""
    if filled is not None:
        values = tf.where(tf.math.is_nan(values), tf.constant(filled, tf.float32), values)
    bucket = tf.searchsorted(bounds, values, side="right", out_type=tf.int64)
    return tf.where(tf.math.is_nan(values), tf.constant(buckets, tf.int64), bucket)


def _plain_targets(spec: specs.Spec, raw: Tensors) -> Tensors:
    plain = (Binary, CountHead)
    return {
        name: _column(raw[name]) for name, head in spec.heads.items() if isinstance(head, plain)
    }
