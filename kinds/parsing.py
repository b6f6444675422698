"""Features of a tf.Example as tensors: how each is parsed, and what a batch of it looks like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

Arrays = dict[str, np.ndarray]
Vector: TypeAlias = keras.KerasTensor
Vectors = Mapping[str, Vector]


def as_it_is(name: str, values: np.ndarray) -> Arrays:
    return {name: values}


@dataclass(frozen=True)
class Feature:
    """One feature: [batch, *shape] of `dtype`.

    parsing: how tf.io.parse_example takes it
    tensor: makes the tensor of what was parsed
    counted: what a batch of it gives to those who count over a whole split, by name
    """

    parsing: Any
    dtype: tf.DType
    tensor: Callable[[Any], tf.Tensor]
    shape: tuple[int | None, ...] = ()
    counted: Callable[[str, np.ndarray], Arrays] = as_it_is

    def signature(self, batch_size: int) -> tf.TensorSpec:
        return tf.TensorSpec([batch_size, *self.shape], self.dtype)


def as_ids(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.int32)


ONE_ID = Feature(tf.io.FixedLenFeature([], tf.int64), tf.int32, as_ids)
ONE_NUMBER = Feature(tf.io.FixedLenFeature([], tf.float32), tf.float32, lambda values: values)
SEVERAL_IDS = tf.io.RaggedFeature(tf.int64)
SEVERAL_NUMBERS = tf.io.RaggedFeature(tf.float32)
