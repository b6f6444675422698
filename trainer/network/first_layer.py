"""The trunk's first layer and the linear blocks in front of it, multiplied in another order.

The stock layers multiply each looked-up vector x [embedding] by a block's matrix S
[embedding, units], and what comes of it by the vector's rows W of the first layer's kernel
[units, width]. x (S W) is the same number, and S W is made once for a batch: with 11 vectors of 50,
128 units and a width of 256 a row then takes 141 thousand multiplications instead of 431
thousand. Steps and phases use this order; evaluation and export use the stock layers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kinds.inputs.network import KINDS
from pipeline.spec import Spec

Vectors = Mapping[str, keras.KerasTensor]


class FirstLayer(layers.Layer):
    """`dense` over parts [batch, width of the part] side by side. A part with a block holds vectors
    that the block has yet to multiply. It has no weights of its own. `products` is the type of what
    the product over the batch multiplies in training, as for `softmax_sum`."""

    def __init__(
        self, dense: layers.Dense, blocks: Sequence[layers.Dense | None], products: str
    ) -> None:
        super().__init__(name=f"{dense.name}.reordered")
        self.dense, self.blocks, self.products = dense, blocks, products

    def call(self, parts: Sequence[Any], training: bool = False) -> Any:
        widths = [_joined_width(x, block) for x, block in zip(parts, self.blocks, strict=True)]
        rows = ops.split(self.dense.kernel, np.cumsum(widths[:-1]).tolist())
        kernels = [self._kernel(of, block) for of, block in zip(rows, self.blocks, strict=True)]
        products = self.products if training else "float32"
        x = ops.concatenate([ops.cast(part, products) for part in parts], axis=1)
        kernel = ops.cast(ops.concatenate(kernels, axis=0), products)
        sums = ops.cast(ops.matmul(x, kernel), "float32")
        return self.dense.activation(sums + self.dense.bias if self.dense.use_bias else sums)

    def _kernel(self, rows: Any, block: layers.Dense | None) -> Any:
        """The kernel's rows of a part, multiplied by the block in front of them."""
        if block is None:
            return rows
        by_vector = ops.reshape(rows, (-1, block.units, self.dense.units))
        return ops.reshape(ops.matmul(block.kernel, by_vector), (-1, self.dense.units))


def _joined_width(part: Any, block: layers.Dense | None) -> int:
    """How many rows of the first layer's kernel are a part's."""
    width = int(part.shape[1])
    return width if block is None else width // int(block.kernel.shape[0]) * int(block.units)


def reordered(
    stock: keras.Model,
    spec: Spec,
    plain: Vectors,
    joined: Vectors,
    averages: Mapping[str, Sequence[str]],
) -> keras.Model:
    """The function of `stock`, the body, with its weights. It is `stock` itself where the first
    layer has no linear block in front of it, or another order takes no fewer multiplications.

    `plain` holds the looked-up vectors of the inputs that go through a block, `joined` what each
    input gives to the trunk, `averages` the features that each head reads beside the trunk.
    """
    blocks = {name: _block(stock, spec, name) for name in joined}
    if not any(blocks.values()):
        return stock
    parts = [
        vectors if blocks[name] is None else layers.Flatten()(plain[name])
        for name, vectors in joined.items()
    ]
    first = stock.get_layer("trunk.0")
    hidden = FirstLayer(first, list(blocks.values()), spec.training.precision)(parts)
    names = {layer.name for layer in stock.layers}
    for place in range(len(spec.trunk.layers)):
        hidden = stock.get_layer(f"trunk.{place}")(hidden) if place else hidden
        dropout = f"trunk.{place}.dropout"
        hidden = stock.get_layer(dropout)(hidden) if dropout in names else hidden
    outputs = {}
    for head in stock.output:
        beside = [stock.input[name] for name in averages.get(head, ())]
        join = stock.get_layer(f"head.{head}.averages") if beside else None
        outputs[head] = join([hidden, *beside]) if join else hidden
    return keras.Model(stock.input, outputs)


def _block(stock: keras.Model, spec: Spec, name: str) -> layers.Dense | None:
    """The block that the first layer can take in for an input, where that pays."""
    if name not in spec.inputs:  # an average, which no block is in front of
        return None
    part = spec.inputs[name]
    lookup = part.lookup(name)
    own_inputs = any(head.inputs for head in spec.heads.values())
    if not (lookup and lookup.through and KINDS[part.kind].is_side_by_side(part)):
        return None
    between = spec.trunk.input_dropout or spec.trunk.cross_layers
    if own_inputs or between or not spec.trunk.layers:
        return None
    layer, *more = spec.shared[lookup.through].dense_layers()
    if more or layer.activation or layer.bias:
        return None
    sizes = lookup.width, layer.units, spec.trunk.layers[0].units
    pay = pays(*sizes, spec.training.batch_size)
    return stock.get_layer(f"shared.{lookup.through}.0") if pay else None


def pays(embedding: int, units: int, width: int, batch: int) -> bool:
    """Whether batch x (S W), with S W made anew, takes fewer multiplications than (x S) W.

    >>> pays(50, 128, 256, batch=1024), pays(50, 128, 256, batch=32), pays(50, 8, 256, batch=1024)
    (True, False, False)
    """
    return embedding * width * (batch + units) < batch * units * (embedding + width)
