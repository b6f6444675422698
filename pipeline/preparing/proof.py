"""Proof that prepare made what its transform graph makes, on rows of the run itself.

Features are computed in Arrow (features.py), the saved graph of tf.Transform is made apart from
that (transform_graph.py). Before anything is published, the run's hard rows go through the saved
graph: ids and counts must be equal, other numbers as equal as float32 can be. Measured: one last
bit of difference after a division by the deviation, which TensorFlow makes a multiplication, two
after a logarithm, none otherwise. The proof takes half a second.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter

from kinds.lists import list_lengths
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields
from pipeline.preparing import raw_tensors
from pipeline.preparing.hard_rows import HardRows

# Twice the difference that was measured.
_ROUNDING = 4 * np.finfo(np.float32).eps
# TensorFlow takes numbers that are smaller for 0.
_TINY = np.finfo(np.float32).tiny
Values = npt.NDArray[Any]


def prove(
    rows: HardRows,
    fields: Fields,
    folder: Path,
    numbers: Mapping[str, Mapping[str, Any]],
    place: Callable[[int], Mapping[str, Any]],
) -> None:
    """Compares the features of `rows` with what the transform graph in `folder` makes of them.

    `numbers` has the mean and deviation of each feature that is on another scale, `place` gives
    the file and row of an origin. Raises Failure 5 at the first difference.
    """
    made = rows.features()
    for name, tensor in _by_graph(rows, fields, folder).items():
        own, expected = made.column(name), _lists(tensor)
        is_same = _equal_lists(own, expected, numbers.get(name, {}))
        if not is_same.all():
            at = int(np.argmin(is_same))
            where = place(int(rows.origins[at]))
            rule = (
                f"prepare must make of a row what its transform graph makes: feature {name!r} of "
                f"row {where['row']} of {where['file']}"
            )
            received = f"{own[at].as_py()}, by the graph {expected[at].as_py()}"
            raise Failure(Exit.INTEGRITY, rule, received=received)


def _by_graph(rows: HardRows, fields: Fields, folder: Path) -> dict[str, Any]:
    graph = tf.saved_model.load(str(folder / "transform_fn")).transform_fn
    batch = raw_tensors.record_batch(rows.typed(), fields, pa.array(rows.origins))
    raw = TensorAdapter(raw_tensors.adapter_config(fields)).ToBatchTensors(batch)
    # A loaded graph takes its tensors one by one, in the order of the names.
    made: dict[str, Any] = graph(*tf.nest.flatten(raw, expand_composites=True))
    return made


def _lists(tensor: Any) -> pa.Array:
    """A list for each row: of a ragged tensor as it is, of another the row's values."""
    if not isinstance(tensor, tf.RaggedTensor):
        tensor = tf.RaggedTensor.from_tensor(tensor)
    offsets = tensor.row_splits.numpy().astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(tensor.flat_values.numpy()))


def _equal_lists(one: pa.Array, other: pa.Array, scale: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Which rows are the same in both."""
    lengths = list_lengths(one)
    same = np.asarray(lengths == list_lengths(other))
    if one.type != other.type:
        return np.zeros_like(same)
    rows = np.flatnonzero(same)
    first, second = (
        array.take(pa.array(rows)).flatten().to_numpy(zero_copy_only=False)
        for array in (one, other)
    )
    differ = ~_equal(first, second, scale)
    same[np.repeat(rows, lengths[rows])[differ]] = False
    return same


def _equal(one: Values, other: Values, scale: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    if one.dtype.kind != "f":
        return np.asarray(one == other)
    # What is lost in a number before its mean is taken off is as much beside a small rest.
    offset = np.max(np.abs(scale.get("mean", 0.0)) / np.asarray(scale.get("std", 1.0)))
    with np.errstate(invalid="ignore", over="ignore"):
        wide = one.astype(np.float64), other.astype(np.float64)
        allowed = _ROUNDING * (np.abs(wide[1]) + offset) + _TINY
        close = np.abs(wide[0] - wide[1]) <= allowed
    return np.asarray(close | (one == other) | (np.isnan(one) & np.isnan(other)))
