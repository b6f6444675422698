"""The body at every place of a list, for heads that predict its next elements.

At each place it gives what the stock body gives of a row whose list ends there, with the same
weights: inputs of the list know what came up to that place, all others are the same at each. One
pass over a list so trains as many predictions as it has elements.
"""

from collections.abc import Mapping, Sequence

import keras
from keras import layers

from pipeline.spec import Spec
from trainer.data import example_features, place_name
from trainer.network.cross_layers import cross_name, crossed

Vectors = Mapping[str, keras.KerasTensor]


def list_inputs(spec: Spec, entries: Mapping[str, int]) -> dict[str, keras.KerasTensor]:
    """{input of such a list: ids [batch, places]}"""
    features = example_features(spec, entries).places
    return {
        name: keras.Input(features[name].shape, dtype="int32", name=place_name(name))
        for name in spec.along()
    }


def at_places(
    stock: keras.Model,
    spec: Spec,
    lists: Vectors,
    vectors: Vectors,
    everywhere: Vectors,
    *,
    trunk: str,
) -> keras.Model:
    """{head: [batch, places, width]} of heads that predict next elements, of others what `stock`,
    the body, gives.

    `vectors` [batch, width] are those of the inputs, `everywhere` [batch, places, width] those of
    the `lists`. The dropout before the `trunk` is called by its name.
    """
    repeat = layers.RepeatVector(spec.places)
    all_vectors = {n: everywhere[n] if n in everywhere else repeat(v) for n, v in vectors.items()}
    layers_of_stock = {layer.name: layer for layer in stock.layers}

    def joined(names: Sequence[str], dropout: str) -> keras.KerasTensor:
        parts = [all_vectors[name] for name in names]
        whole = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
        layer = layers_of_stock.get(dropout)
        return whole if layer is None else layer(whole)

    outputs = dict(stock.output)
    for name in spec.followed():
        if own := spec.heads[name].inputs:
            outputs[name] = joined(own, f"head.{name}.input_dropout")
            continue
        hidden = joined(spec.read_by_trunk(), f"{trunk}.input_dropout")
        cross = [layers_of_stock[cross_name(at)] for at in range(spec.trunk.cross_layers)]
        hidden = crossed(hidden, cross)
        for place in range(len(spec.trunk.layers)):
            for layer in (f"trunk.{place}", f"trunk.{place}.dropout"):
                hidden = layers_of_stock[layer](hidden) if layer in layers_of_stock else hidden
        outputs[name] = hidden
    inputs = stock.input | {place_name(name): ids for name, ids in lists.items()}
    return keras.Model(inputs, outputs)
