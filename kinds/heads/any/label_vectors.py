"""Weights of labels made of what their features say, for heads that have such labels.

A label's vector is the sum over its columns of the mean vector of its values there, and its bias
has parts of the same kind (Kula 2015, arXiv:1507.08439); a vector and a bias of its own are added
where training rows have the label. They alone are learned from, as if there were no other labels
yet: one that no training row has begins with the mean bias of those that have been learned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from kinds.heads.labels.features import FeatureRows, packed, unpacked
from kinds.row_sums import has_gpu, sum_by_row


@dataclass(frozen=True)
class LabelVectors:
    """table: [values, width + 1], the last column being parts of biases
    rows: of the labels, which are the first outputs of the head
    outputs: how many outputs the head has; the class of all others comes after the labels and is
        learned, too
    """

    table: tf.Variable
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

    def arrays(self) -> dict[str, np.ndarray]:
        """The vectors of values, and what these are called, as a file keeps them."""
        return {"names": packed(self.rows.names), "vectors": self.table.numpy()}

    def carry(self, earlier: Mapping[str, np.ndarray]) -> None:
        """Sets the vectors of values to those of earlier arrays; a new value says nothing."""
        names, vectors = unpacked(earlier["names"]), earlier["vectors"]
        at = {name: place for place, name in enumerate(names)}
        places = np.array([at.get(name, -1) for name in self.rows.names], np.int64)
        found = np.where((places >= 0)[:, None], vectors[places], 0)
        self.table.assign(found if len(found) else np.zeros_like(self.table))

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

    def of_learned(self) -> tuple[tf.Tensor, tf.Tensor]:
        """What features say of the learned outputs: [learned, width] and [learned]."""
        made = _sums(self.rows.take(self._labels), self.table)
        made = tf.pad(made, [[0, len(self.learned) - len(self._labels)], [0, 0]])
        return made[:, :-1], made[:, -1]

    def of_places(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The same of some places among the learned: [n, width] and [n]."""
        values, weights = self._padded
        found = tf.gather(self.table, tf.gather(tf.constant(values), places))
        made = tf.einsum("nk,nkw->nw", tf.gather(tf.constant(weights), places), found)
        return made[:, :-1], made[:, -1]

    @cached_property
    def _padded(self) -> tuple[np.ndarray, np.ndarray]:
        values, weights = self.rows.take(self._labels).padded()
        more = ((0, len(self.learned) - len(values)), (0, 0))
        return np.pad(values, more), np.pad(weights, more)

    def whole(self, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Weights of the learned outputs, without what features say, to those of all outputs."""
        made = _sums(self.rows, self.table)
        made = tf.pad(made, [[0, self.outputs - len(self.rows.learned)], [0, 0]])
        at, count = tf.constant(self.learned[:, None]), len(self._labels)
        start = tf.fill([self.outputs], tf.reduce_mean(bias[:count]))
        own = tf.tensor_scatter_nd_update(start, at, bias)
        return tf.tensor_scatter_nd_add(made[:, :-1], at, kernel), made[:, -1] + own


def _sums(rows: FeatureRows, table: tf.Tensor) -> tf.Tensor:
    """[labels, width + 1]: of each label the weighted sum of the rows of its values."""
    count = len(rows.learned)
    table = tf.convert_to_tensor(table)
    if has_gpu():
        found = rows.weights[:, None] * tf.gather(table, rows.values)
        return sum_by_row(found, tf.constant(rows.owners, tf.int32), count)
    at = np.stack([rows.owners, rows.values], axis=1).astype(np.int64)
    shape = (count, int(table.shape[0]))
    return tf.sparse.sparse_dense_matmul(tf.SparseTensor(at, rows.weights, shape), table)
