"""The trained network as one Keras model of stock layers, which loads without this package."""

from collections.abc import Mapping

import keras
from keras import layers

from kinds.heads.any.metrics import Scale
from kinds.heads.any.network import Factor, OutputLayer
from kinds.heads.network import KINDS
from trainer.network import Network


def trained_model(
    network: Network, *, temperatures: Mapping[str, float], scales: Mapping[str, Scale]
) -> keras.Model:
    """The network with an output for each head, as its kind says.

    The temperatures and the scales of targets are in the weights. It has its own copies of the
    heads' weights and shares the body's.
    """
    outputs = {}
    for name, layer in network.heads.items():
        kind, scale = KINDS[layer.part.kind], scales[name]
        times, plus = kind.unscaling(layer.part, scale)
        factor = times / temperatures.get(name, 1.0)
        logits = _dense(layer, network.body.output[name], factor, plus)
        outputs[name] = kind.output(layer.part, logits, scale)
    return keras.Model(network.body.input, outputs, name=network.body.name)


def _dense(
    layer: OutputLayer, hidden: keras.KerasTensor, factor: Factor, offset: Factor
) -> keras.KerasTensor:
    if layer.projection is not None:
        width = int(layer.projection.shape[1])
        project = layers.Dense(width, use_bias=False, name=f"{layer.name}.projection")
        hidden = project(hidden)
        project.set_weights([layer.projection.numpy()])
    output = layers.Dense(layer.outputs, name=f"{layer.name}.logits")
    logits = output(hidden)
    kernel, bias = (weights.numpy() for weights in layer.weights())
    output.set_weights([kernel.T * factor, bias * factor + offset])
    return logits
