"""Members of the trunk: networks side by side that read the same inputs, each with a start of its
own.

In training every member answers for each row alone, so that they stay different; heads, evaluation
and the exported file read their mean. As losses are convex in what a head gives, it loses no more
than the members do on average. (Lakshminarayanan, Pritzel and Blundell 2017, "Simple and Scalable
Predictive Uncertainty Estimation using Deep Ensembles", section 2.4. The inputs' vectors and the
heads' weights are shared.)
"""

import math
from collections.abc import Mapping, Sequence

import keras
from keras import layers

from pipeline.spec import Layer

Vectors = Mapping[str, keras.KerasTensor]


def member_layer(
    layer: Layer, members: int, hidden: keras.KerasTensor, name: str
) -> layers.EinsumDense:
    """The layer of every member over what all read, [batch, width], or over what the members' layer
    before it gives, [batch, members, width]: to [batch, members, units]."""
    width = int(hidden.shape[-1])
    own = "" if len(hidden.shape) == 2 else "m"
    # Glorot's start for each member: by three lengths Keras would take it for a convolution.
    limit = math.sqrt(6 / (width + layer.units))
    return layers.EinsumDense(
        f"b{own}i,mio->bmo",
        (members, layer.units),
        activation=layer.activation,
        bias_axes="mo" if layer.bias else None,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        name=name,
    )


def mean(each: keras.KerasTensor) -> keras.KerasTensor:
    """[batch, members, width] to [batch, width]."""
    return layers.GlobalAveragePooling1D(name="trunk.mean")(each)


def each_alone(
    stock: keras.Model, each: keras.KerasTensor, averages: Mapping[str, Sequence[str]]
) -> keras.Model:
    """The body that learns: {head: [batch, members, width]} where `stock`, the body, gives the mean
    of `each`; of heads with inputs of their own what it gives.

    `averages` are the features that each head reads beside the trunk; they are in its outputs.
    """
    outputs = dict(stock.output)
    for head, own in averages.items():
        repeat = layers.RepeatVector(int(each.shape[1]))
        beside = [repeat(stock.input[feature]) for feature in own]
        outputs[head] = layers.Concatenate()([each, *beside]) if beside else each
    return keras.Model(stock.input, outputs)
