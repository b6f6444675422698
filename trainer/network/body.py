"""The body of the network: stock Keras layers from the features to one vector for each head.

    ids -> table -> shared block -> combine over the sequence --+
    numbers, and the flags of missing ones ---------------------+-> join -> trunk -> every head

A head that names its own inputs reads their vectors in the place of the trunk's. The heads
themselves are in `heads`. Layers that a person did not name have a dot in their name, so they
cannot meet a name of the spec.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
from keras import layers, ops

from kinds.inputs.category.spec import Category
from kinds.inputs.number.spec import Number
from kinds.inputs.sequence.spec import Sequence as SequenceInput
from pipeline.spec import Layer, Spec, Trunk
from trainer.network.first_layer import reordered
from trainer.network.sequences import attend, last_step, pooled

Vectors = dict[str, keras.KerasTensor]


@dataclass(frozen=True)
class Taps:
    """The network with a view into one shared block.

    layers: of the block
    model: the features to `hidden`, as the body gives it, and `uses` [uses][layers + 1]: what goes
        into the block and comes out of each of its layers
    """

    layers: tuple[layers.Dense, ...]
    model: keras.Model

    def shapes(self) -> list[tuple[int, int]]:
        """[inputs, outputs] of each layer's matrix, a bias being its last row."""
        return [(layer.kernel.shape[0] + layer.use_bias, layer.units) for layer in self.layers]


@dataclass(frozen=True)
class Body:
    """`model` maps the features to {head: float32 [batch, width]}. So does `learning`, up to
    rounding, with fewer multiplications (see `first_layer`).

    `tables` and `shared` own their weights; every other layer belongs to the trunk. `uses` holds
    for each shared block, once for each input through it, what goes in and what comes out of each
    of its layers.
    """

    model: keras.Model
    learning: keras.Model
    tables: dict[str, layers.Embedding]
    shared: dict[str, tuple[layers.Dense, ...]]
    uses: dict[str, list[list[keras.KerasTensor]]]

    def taps(self, block: str) -> Taps:
        outputs = {"hidden": self.model.output, "uses": self.uses[block]}
        return Taps(self.shared[block], keras.Model(self.model.input, outputs))


def build_body(spec: Spec, entries: Mapping[str, int]) -> Body:
    """Builds the body; its starting weights depend on Keras's global seed."""
    inputs = feature_inputs(spec)
    tables = build_tables(spec, entries)
    shared = {
        name: tuple(dense(layer, f"shared.{name}.{i}") for i, layer in enumerate(b.dense_layers()))
        for name, b in spec.shared.items()
    }
    uses: dict[str, list[list[keras.KerasTensor]]] = {n: [] for n in shared}
    vectors: Vectors = {}
    plain: Vectors = {}
    for name, part in spec.inputs.items():
        match part:
            case Number():
                vectors[name] = number_vector(name, part, inputs, tables)
            case _:
                embedded = tables[part.table_name](inputs[name])
                if part.through:
                    plain[name] = embedded
                    uses[part.through].append(projections(embedded, shared[part.through]))
                    embedded = uses[part.through][-1][-1]
                padding = entries[part.vocabulary] + 1
                vectors[name] = combined_vector(name, part, embedded, inputs[name], padding)
    hidden = {
        n: joined(n, vectors, h.inputs, spec.trunk) for n, h in spec.heads.items() if h.inputs
    }
    if len(hidden) < len(spec.heads):
        top = trunk(joined("trunk", vectors, tuple(spec.inputs), spec.trunk), spec.trunk)
        hidden |= dict.fromkeys(set(spec.heads) - set(hidden), top)
    model = keras.Model(inputs, hidden, name=spec.name)
    return Body(model, reordered(model, spec, plain, vectors), tables, shared, uses)


def feature_inputs(spec: Spec) -> Vectors:
    """One Keras input for each feature of an example, under the feature's name."""
    inputs = {}
    for name, part in spec.inputs.items():
        match part:
            case SequenceInput():
                inputs[name] = keras.Input((part.length,), dtype="int32", name=name)
            case Category() | Number(scale="buckets"):
                inputs[name] = keras.Input((), dtype="int32", name=name)
            case Number():
                inputs[name] = keras.Input((), dtype="float32", name=name)
                if part.missing != "reject":
                    flag = f"{name}.missing"
                    inputs[flag] = keras.Input((), dtype="float32", name=flag)
    return inputs


def build_tables(spec: Spec, entries: Mapping[str, int]) -> dict[str, layers.Embedding]:
    """The embedding tables: a vocabulary's ids, then out of vocabulary, then missing."""
    tables = {}
    for part in spec.embedded_inputs().values():
        if part.table_name not in tables:
            name = f"table.{part.table_name}"
            rows = entries[part.vocabulary] + 2
            tables[part.table_name] = table(rows, part.embedding, name)
    for name, number in spec.number_inputs().items():
        if number.buckets is not None and number.embedding is not None:
            own = f"{name}.buckets"
            rows = number.buckets + 1
            tables[own] = table(rows, number.embedding, f"table.{own}")
    return tables


def table(rows: int, width: int, name: str) -> layers.Embedding:
    """Vectors of length 1 on average. Keras's own start, a fifth of that at a width of 50, is slow
    to leave: rare ids have few steps."""
    start = keras.initializers.RandomNormal(stddev=width**-0.5)
    return layers.Embedding(rows, width, embeddings_initializer=start, name=name)


def dense(layer: Layer, name: str) -> layers.Dense:
    return layers.Dense(layer.units, activation=layer.activation, use_bias=layer.bias, name=name)


def number_vector(
    name: str, part: Number, inputs: Vectors, tables: Mapping[str, layers.Embedding]
) -> keras.KerasTensor:
    """[batch] to [batch, 1], [batch, 2] with its flag, or [batch, embedding] for buckets."""
    if part.scale == "buckets":
        return tables[f"{name}.buckets"](inputs[name])
    parts = [inputs[n] for n in (name, f"{name}.missing") if n in inputs]
    return ops.stack(parts, axis=-1)


def projections(
    vectors: keras.KerasTensor, block: Sequence[layers.Dense]
) -> list[keras.KerasTensor]:
    """Vectors [..., embedding], and what each layer of a shared block makes of them in turn."""
    made = [vectors]
    for layer in block:
        made.append(layer(made[-1]))
    return made


def combined_vector(
    name: str,
    part: Category | SequenceInput,
    vectors: keras.KerasTensor,
    ids: keras.KerasTensor,
    padding: int,
) -> keras.KerasTensor:
    """[batch, width] as it is, or [batch, length, width] to [batch, combined width]."""
    if isinstance(part, Category):
        return vectors
    match part.combine:
        case "concat":
            return layers.Flatten(name=f"{name}.concat")(vectors)
        case "mean" | "sum" | "max":
            return pooled(vectors, ops.not_equal(ids, padding), part.combine)
        case "lstm" | "gru":
            # No mask: padding comes first and has a row of the table of its own. A mask would
            # turn the layer into a loop at export.
            return last_step(part.combine, part.units or 0, name)(vectors)
        case "attention":
            return attend(vectors, ids, padding, heads=part.attention_heads, name=name)


def joined(
    name: str, vectors: Vectors, names: Sequence[str], trunk_spec: Trunk
) -> keras.KerasTensor:
    """The vectors of some inputs side by side: [batch, sum of widths]."""
    parts = [vectors[n] for n in names]
    whole = layers.Concatenate(name=f"{name}.join")(parts) if len(parts) > 1 else parts[0]
    return dropped(whole, trunk_spec.input_dropout, f"{name}.input_dropout")


def trunk(hidden: keras.KerasTensor, trunk_spec: Trunk) -> keras.KerasTensor:
    for place, layer in enumerate(trunk_spec.layers):
        hidden = dense(layer, f"trunk.{place}")(hidden)
        hidden = dropped(hidden, trunk_spec.dropout, f"trunk.{place}.dropout")
    return hidden


def dropped(hidden: keras.KerasTensor, share: float, name: str) -> keras.KerasTensor:
    return layers.Dropout(share, name=name)(hidden) if share > 0 else hidden
