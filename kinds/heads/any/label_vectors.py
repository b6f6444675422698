"""Weights of labels made of what their features say, for heads that have such labels.

A label's vector is the sum over its columns of the mean vector of its values there, and its bias
has parts of the same kind (Kula 2015, arXiv:1507.08439); a vector and a bias of its own are added
where training rows have the label. They alone are learned from, as if there were no other labels
yet: one that no training row has begins with the mean bias of those that have been learned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from kinds.heads.any.metrics import Array
from kinds.heads.labels.features import FeatureRows, packed, unpacked
from kinds.row_sums import has_gpu, sum_by_row


@dataclass(frozen=True)
class LabelVectors:
    """table, biases: [values, width] and [values, 1], what each value says
    rows: of the labels, which are the first outputs of the head
    outputs: how many outputs the head has; the class of all others comes after the labels and is
        learned, too
    """

    table: tf.Variable
    biases: tf.Variable
    rows: FeatureRows
    outputs: int

    @cached_property
    def learned(self) -> np.ndarray:
        """int64: the outputs that are learned from."""
        return np.flatnonzero(self._is_learned)

    @cached_property
    def _is_learned(self) -> np.ndarray:
        others = np.ones(self.outputs - len(self.rows.learned), bool)
        return np.concatenate([self.rows.learned, others])

    def variables(self) -> list[tf.Variable]:
        return [self.table, self.biases]

    def arrays(self) -> dict[str, np.ndarray]:
        """The vectors of values, and what these are called, as a file keeps them."""
        own = {"vectors": self.table.numpy(), "biases": self.biases.numpy()}
        return own | {"names": packed(self.rows.names)}

    def carry(self, earlier: Mapping[str, np.ndarray]) -> None:
        """Sets the vectors of values to those of earlier arrays; a new value says nothing."""
        at = {name: place for place, name in enumerate(unpacked(earlier["names"]))}
        places = np.array([at.get(name, -1) for name in self.rows.names], np.int64)
        for variable, what in ((self.table, "vectors"), (self.biases, "biases")):
            found = np.where((places >= 0)[:, None], earlier[what][places], 0)
            variable.assign(found if len(found) else tf.zeros_like(variable))

    @property
    def _labels(self) -> np.ndarray:
        """The labels among the outputs that are learned."""
        return self.learned[self.learned < len(self.rows.learned)]

    def places(self, labels: tf.Tensor) -> tf.Tensor:
        """The places of labels among the learned; of an unknown one the last, of a missing one,
        which is negative, itself."""
        at = np.where(self._is_learned, np.cumsum(self._is_learned) - 1, len(self.learned) - 1)
        places = tf.gather(tf.constant(at, labels.dtype), tf.maximum(labels, 0))
        return tf.where(labels < 0, labels, places)

    @cached_property
    def _whole(self) -> FeatureRows:
        return self.rows.followed_by(self.outputs - len(self.rows.learned))

    @cached_property
    def _learned_rows(self) -> FeatureRows:
        return self._whole.take(self.learned)

    def of_learned(self) -> tuple[tf.Tensor, tf.Tensor]:
        """What features say of the learned outputs: [learned, width] and [learned]."""
        return self._of(self._learned_rows)

    def of_places(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The same of some places among the learned: [n, width] and [n]."""
        rows = self._learned_rows
        return _sums_at(rows, places, self.table), _sums_at(rows, places, self.biases)[:, 0]

    def _of(self, rows: FeatureRows) -> tuple[tf.Tensor, tf.Tensor]:
        made, biases = _sums(rows, self.table, self.biases)
        return made, biases[:, 0]

    def whole(self, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Weights of the learned outputs, without what features say, to those of all outputs."""
        made, biases = self._of(self._whole)
        at, count = tf.constant(self.learned[:, None]), len(self._labels)
        start = tf.fill([self.outputs], tf.reduce_mean(bias[:count]))
        own = tf.tensor_scatter_nd_update(start, at, bias)
        return tf.tensor_scatter_nd_add(made, at, kernel), biases + own


def _sums(rows: FeatureRows, *tables: tf.Variable) -> Sequence[tf.Tensor]:
    """[labels, width] of each table: of each label the sum over columns of the mean of its values'
    rows."""
    count = len(rows.learned)
    if has_gpu():
        owners = tf.constant(rows.owners, tf.int32)
        found = (rows.weights[:, None] * tf.gather(table, rows.values) for table in tables)
        return [sum_by_row(values, owners, count) for values in found]
    if not len(rows.values):
        return [tf.zeros([count, table.shape[1]]) for table in tables]
    made: Sequence[tf.Tensor] = _products(rows)(*map(tf.convert_to_tensor, tables))
    return made


def _products(rows: FeatureRows) -> Callable[..., Any]:
    """Of the sparse matrix with the weights of values, [labels, values], and some tables. Both ways
    take a third of the time of a look-up and its gradient."""
    shape = len(rows.learned), len(rows.names)
    along = rows.owners, rows.values

    @tf.custom_gradient
    def made(*tables: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], Any]:
        def gradient(*of_made: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return _times(along[::-1], rows.weights, shape[::-1], of_made)

        return _times(along, rows.weights, shape, tables), gradient

    return made


def _times(
    along: tuple[Array, Array], weights: Array, shape: tuple[int, int], tables: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, ...]:
    """The products of tables and the matrix whose `weights` stand at the places `along` rows and
    columns. Compressed by rows it is fast for vectors, but for one column, such as the biases, a
    fifth as fast as its plain list of places."""
    order = np.lexsort(along[::-1])
    places = tf.constant(np.stack(along, axis=1)[order], tf.int64)
    values, size = tf.constant(weights[order]), tf.constant(shape, tf.int64)
    compressed = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=places, values=values, dense_shape=size
    )

    def times(table: tf.Tensor) -> tf.Tensor:
        if table.shape[1] == 1:
            return tf.raw_ops.SparseTensorDenseMatMul(
                a_indices=places, a_values=values, a_shape=size, b=table
            )
        return tf.raw_ops.SparseMatrixMatMul(a=compressed, b=table)

    return tuple(map(times, tables))


def _sums_at(rows: FeatureRows, labels: tf.Tensor, table: tf.Variable) -> tf.Tensor:
    """The same of some labels [n]: [n, width]."""
    if has_gpu():
        # Compiled there, so with shapes that are known.
        values, weights = (tf.gather(tf.constant(part), labels) for part in rows.padded())
        return tf.reduce_sum(weights[:, :, None] * tf.gather(table, values), axis=1)
    parts = []
    for own in rows.by_column():
        lists = tf.RaggedTensor.from_row_splits(own.values, own.starts, validate=False)
        found = tf.gather(lists, labels)
        parts.append(_means(table, found.values, found.value_rowids(), tf.size(labels)))
    return tf.add_n(parts) if parts else tf.zeros([tf.size(labels), table.shape[1]])


def _means(table: tf.Variable, values: Any, owners: Any, count: Any) -> tf.Tensor:
    """[count, width]: the mean of the values' rows for each owner, whom they follow in order;
    0 for one without values."""
    return tf.raw_ops.SparseSegmentMeanWithNumSegments(
        data=table, indices=values, segment_ids=tf.cast(owners, tf.int32), num_segments=count
    )
