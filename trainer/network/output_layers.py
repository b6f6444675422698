"""The output layers of the heads: how many outputs each has, and where its weights start."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import tensorflow as tf

from kinds.heads.any.label_vectors import LabelVectors
from kinds.heads.any.network import OutputLayer
from kinds.heads.labels.features import FeatureRows
from kinds.heads.network import KINDS
from pipeline.spec import Spec
from trainer.network.body import Body


def outputs_of(spec: Spec, entries: Mapping[str, int]) -> dict[str, int]:
    """How many outputs each head has."""
    return {name: KINDS[head.kind].outputs(head, entries) for name, head in spec.heads.items()}


def build_output_layers(
    spec: Spec,
    entries: Mapping[str, int],
    body: Body,
    bias: Mapping[str, np.ndarray],
    seed: int,
    features: Mapping[str, FeatureRows] = MappingProxyType({}),
) -> dict[str, OutputLayer]:
    """The layers of all heads. `bias` is where each output bias starts: {head: [outputs]};
    `features` are those of the labels of heads whose labels have some."""
    generator = tf.random.Generator.from_seed(seed, alg="philox")
    layers = {}
    for name, outputs in outputs_of(spec, entries).items():
        part = spec.heads[name]
        labels = part.labels()
        width = int(body.model.output[name].shape[-1])
        if name in features:
            made = _label_vectors(name, features[name], outputs, width, generator)
            has_own = labels is not None and labels.vectors == "both"
            rows = len(made.learned) if has_own else outputs - len(features[name].learned)
            # It learns what features do not say, and is nothing before.
            kernel = tf.Variable(tf.zeros([rows, width]), name=f"{name}.kernel")
            start = tf.Variable(np.float32(bias[name][made.learned]), name=f"{name}.bias")
            layers[name] = OutputLayer(name, part, kernel, start, None, tied=False, features=made)
            continue
        start = tf.Variable(np.float32(bias[name]), name=f"{name}.bias")
        if labels is None or labels.tied is None:
            stddev = KINDS[part.kind].kernel_stddev(part, width)
            drawn = generator.normal([outputs, width], stddev=stddev)
            kernel = tf.Variable(drawn, name=f"{name}.kernel")
            layers[name] = OutputLayer(name, part, kernel, start, None, tied=False)
        else:
            kernel = body.tables[labels.tied].embeddings.value
            projection = _projection(name, width, int(kernel.shape[1]), generator)
            layers[name] = OutputLayer(name, part, kernel, start, projection, tied=True)
    return layers


def _label_vectors(
    name: str, rows: FeatureRows, outputs: int, width: int, generator: tf.random.Generator
) -> LabelVectors:
    """The vectors of values start with length 1 on average, and their parts of biases at 0."""
    values = max(1, len(rows.names))
    start = generator.normal([values, width], stddev=width**-0.5)
    table = tf.Variable(start, name=f"{name}.features")
    biases = tf.Variable(tf.zeros([values, 1]), name=f"{name}.feature_biases")
    return LabelVectors(table, biases, rows, outputs)


def _projection(
    name: str, hidden: int, width: int, generator: tf.random.Generator
) -> tf.Variable | None:
    """[hidden, width] where the body's vector is not as wide as the table."""
    if width == hidden:
        return None
    start = generator.normal([hidden, width], stddev=hidden**-0.5)
    return tf.Variable(start, name=f"{name}.projection")
