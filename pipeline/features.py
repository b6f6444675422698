"""Typed rows to the features of examples, a batch at a time, without TensorFlow's graph.

The transform graph (pipeline.preprocessing) is the record of what is done to a row. This does the
same several times as fast; every run proves it on rows of its own (pipeline.proof). Nothing is
learned here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.heads.classification.spec import Classification
from kinds.heads.multilabel.spec import Multilabel
from kinds.heads.regression.spec import Regression
from kinds.inputs.category.spec import Category
from kinds.inputs.number.spec import LIMIT as NUMBER_LIMIT
from kinds.inputs.number.spec import Number
from kinds.inputs.sequence.spec import Sequence as SequenceInput
from pipeline import spec as specs
from pipeline.fields import Fields
from pipeline.sources import is_missing, last, list_lengths, lists_of
from pipeline.statistics import DROPPED, WEIGHT

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tables:
    """What rows are looked up in: values by vocabulary in the order of their ids, mean and
    deviation of each number that has them, boundaries by input."""

    values: dict[str, pa.Array]
    moments: dict[str, tuple[np.float32, np.float32]]
    boundaries: dict[str, Floats]


def features(
    rows: pa.RecordBatch, spec: specs.Spec, fields: Fields, tables: Tables
) -> pa.RecordBatch:
    """One list column a feature, as tf.Transform gives them: list<int64> and list<float>."""
    made: dict[str, pa.Array] = {}
    for name, part in spec.inputs.items():
        column = rows.column(fields.inputs[name].output)
        if isinstance(part, Number):
            made |= _number(name, part, column, tables)
        else:
            made[name] = _embedded(part, column, tables)
    for name, head in spec.heads.items():
        made |= _target(name, head, rows.column(fields.heads[name].output), tables)
    if fields.weight is not None:
        made[WEIGHT] = one_each(rows.column(fields.weight.output))
    return pa.RecordBatch.from_pydict(made)


def curved(scale: str, values: Floats) -> Floats:
    """Values on a logarithmic scale where that is asked for, their signs kept."""
    if scale != "log":
        return values
    return np.sign(values) * np.log1p(np.abs(values))


def one_each(values: pa.Array) -> pa.Array:
    """A list of one for each value."""
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values)


def _looked_up(texts: pa.Array, values: pa.Array) -> pa.Array:
    """int64 ids; the number of values for any other, and for null."""
    return pc.fill_null(pc.index_in(texts, values), len(values)).cast(pa.int64())


def _embedded(part: Category | SequenceInput, column: pa.Array, tables: Tables) -> pa.Array:
    values = tables.values[part.vocabulary]
    if isinstance(part, SequenceInput):
        lists = last(column, part.length)
        return lists_of(_input_ids(lists.flatten(), values), list_lengths(lists))
    return one_each(_input_ids(column, values))


def _input_ids(texts: pa.Array, values: pa.Array) -> pa.Array:
    ids, missing = _looked_up(texts, values), is_missing(texts)
    return pc.if_else(missing, pa.scalar(len(values) + 1, pa.int64()), ids)


def _number(name: str, part: Number, column: pa.Array, tables: Tables) -> dict[str, pa.Array]:
    numbers = _numpy(column)
    missing = np.isnan(numbers)
    filled = _filled(numbers, part)
    if part.buckets is not None:
        bucket = np.searchsorted(tables.boundaries[name], filled, side="right").astype(np.int64)
        return {name: one_each(pa.array(np.where(np.isnan(filled), part.buckets, bucket)))}
    scaled = _scaled(name, part.scale, filled, tables)
    scaled = np.where(np.isnan(scaled), np.float32(0), scaled)
    if part.scale != "none":
        scaled = np.clip(scaled, -NUMBER_LIMIT, NUMBER_LIMIT)
    made = {name: _floats(scaled)}
    if part.missing != "reject":
        made[f"{name}.missing"] = _floats(missing.astype(np.float32))
    return made


def _filled(numbers: Floats, part: Number) -> Floats:
    if not isinstance(part.missing, float):
        return numbers
    return np.where(np.isnan(numbers), np.float32(part.missing), numbers)


def _scaled(name: str, scale: str, numbers: Floats, tables: Tables) -> Floats:
    numbers = curved(scale, numbers)
    if name not in tables.moments:
        return numbers
    mean, std = tables.moments[name]
    return (numbers - mean) / std


def _target(name: str, head: specs.Head, column: pa.Array, tables: Tables) -> dict[str, pa.Array]:
    if isinstance(head, Multilabel):
        return _labels(name, column, tables.values[head.vocabulary])
    if isinstance(head, Classification):
        ids = _looked_up(column, tables.values[head.vocabulary])
        return {name: one_each(pc.if_else(column.is_null(), pa.scalar(-1, pa.int64()), ids))}
    if isinstance(head, Regression):
        return {name: _floats(_scaled(name, head.scale, _numpy(column), tables))}
    return {name: one_each(column)}


def _labels(name: str, column: pa.Array, values: pa.Array) -> dict[str, pa.Array]:
    """Each row's known labels once, rising, or -1 where the target is missing; and how many
    labels were unknown."""
    lengths, count, size = list_lengths(column), len(column), len(values)
    ids = _looked_up(pc.fill_null(column.flatten(), ""), values).to_numpy()
    owner = np.repeat(np.arange(count), lengths)
    unknown = np.bincount(owner[ids == size], minlength=count).astype(np.int64)
    missing = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
    owner = np.concatenate([owner[ids < size], missing])
    ids = np.concatenate([ids[ids < size], np.full(len(missing), -1)])
    keys = np.unique(owner * (size + 1) + ids + 1)
    owner, ids = np.divmod(keys, size + 1)
    lists = lists_of(pa.array(ids - 1), np.bincount(owner, minlength=count))
    return {name: lists, name + DROPPED: one_each(pa.array(unknown))}


def _numpy(column: pa.Array) -> Floats:
    return column.to_numpy(zero_copy_only=False)


def _floats(values: Any) -> pa.Array:
    return one_each(pa.array(values.astype(np.float32, copy=False)))
