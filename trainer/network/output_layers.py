"""The output layers of the heads: how many outputs each has, and where its weights start."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kinds.heads.any.network import OutputLayer
from kinds.heads.network import KINDS
from pipeline.spec import Spec
from trainer.network.body import Body


def outputs_of(spec: Spec, entries: Mapping[str, int]) -> dict[str, int]:
    """How many outputs each head has."""
    return {name: KINDS[head.kind].outputs(head, entries) for name, head in spec.heads.items()}


def build_output_layers(
    spec: Spec, entries: Mapping[str, int], body: Body, bias: Mapping[str, np.ndarray], seed: int
) -> dict[str, OutputLayer]:
    """The layers of all heads. `bias` is where each output bias starts: {head: [outputs]}."""
    generator = tf.random.Generator.from_seed(seed, alg="philox")
    layers = {}
    for name, outputs in outputs_of(spec, entries).items():
        part = spec.heads[name]
        labels = part.labels()
        width = int(body.model.output[name].shape[-1])
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


def _projection(
    name: str, hidden: int, width: int, generator: tf.random.Generator
) -> tf.Variable | None:
    """[hidden, width] where the body's vector is not as wide as the table."""
    if width == hidden:
        return None
    start = generator.normal([hidden, width], stddev=hidden**-0.5)
    return tf.Variable(start, name=f"{name}.projection")
