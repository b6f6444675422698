"""The body of the network: stock Keras layers from the features to one vector for each head.

    ids -> table -> shared block -> combine over the sequence --+
    vectors -> shared block ------------------------------------+
    numbers, and the flags of missing ones ---------------------+-> join -> trunk -> every head
    products of such vectors -----------------------------------+

A head that names its own inputs reads their vectors instead of the trunk's. The heads themselves
are in `output_layers`. Layers that a person did not name have a dot in their name, so they cannot
meet a name of the spec.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import keras
from keras import layers, ops

from kinds.inputs.ids.numbering import id_count
from kinds.inputs.network import KINDS
from kinds.inputs.part import Lookup
from kinds.inputs.places import Ids
from kinds.memory.averages import WIDTH, feature_name
from pipeline.spec import Layer, Spec, Trunk
from trainer.data import example_features
from trainer.network.cross_layers import cross_layer, cross_name, crossed
from trainer.network.every_place import at_places, list_inputs
from trainer.network.first_layer import reordered
from trainer.network.members import each_alone, mean, member_layer
from trainer.network.products import product_of

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
    rounding, with fewer multiplications (see `first_layer`). Where the trunk has members,
    `learning` gives what each of them makes of a row: {head: [batch, members, width]}.

    `tables` and `shared` own their weights; every other layer belongs to the trunk. `uses` holds
    for each shared block, once for each input through it, what goes in and what comes out of each
    of its layers. Where it is `at_places`, `learning` gives what heads that predict the next
    element of a list are trained on: {head: [batch, places, width]}.
    """

    model: keras.Model
    learning: keras.Model
    tables: dict[str, layers.Embedding]
    shared: dict[str, tuple[layers.Dense, ...]]
    uses: dict[str, list[list[keras.KerasTensor]]]
    at_places: bool = False

    def taps(self, block: str) -> Taps:
        seen = self.learning if self.at_places else self.model
        outputs = {"hidden": seen.output, "uses": self.uses[block]}
        return Taps(self.shared[block], keras.Model(seen.input, outputs))


def build_body(spec: Spec, entries: Mapping[str, int]) -> Body:
    """Builds the body; its starting weights depend on Keras's global seed."""
    inputs = feature_inputs(spec, entries)
    tables = build_tables(spec, entries)
    shared = {
        name: tuple(dense(layer, f"shared.{name}.{i}") for i, layer in enumerate(b.dense_layers()))
        for name, b in spec.shared.items()
    }
    lists = list_inputs(spec, entries)
    seen = _input_vectors(spec, entries, inputs, tables, shared, lists)
    vectors = seen.vectors
    for name, product in spec.products_read().items():
        vectors[name] = product_of(name, product, vectors)
    averages = averages_by_head(spec)
    hidden = {
        n: joined(f"head.{n}", vectors, h.inputs, spec.trunk)
        for n, h in spec.heads.items()
        if h.inputs
    }
    top, read_by_trunk = None, list[str]()
    if len(hidden) < len(spec.heads):
        further = {name: inputs[name] for own in averages.values() for name in own}
        read_by_trunk, vectors = [*spec.read_by_trunk(), *further], vectors | further
        whole = (
            joined(clear_of(spec, "trunk"), vectors, read_by_trunk, spec.trunk)
            if read_by_trunk
            else nothing(inputs)
        )
        width = int(whole.shape[-1])
        cross = [cross_layer(width, cross_name(at)) for at in range(spec.trunk.cross_layers)]
        top = trunk(crossed(whole, cross), spec.trunk)
        read = mean(top) if spec.trunk.members > 1 else top
        hidden |= dict.fromkeys(set(spec.heads) - set(hidden), read)
    for name, own in averages.items():
        beside = [hidden[name], *(inputs[feature] for feature in own)]
        hidden[name] = layers.Concatenate(name=f"head.{name}.averages")(beside)
    model = keras.Model(inputs, hidden, name=spec.name)
    if lists:
        trunk_name = clear_of(spec, "trunk")
        learning = at_places(model, spec, lists, vectors, seen.everywhere, trunk=trunk_name)
    elif top is not None and spec.trunk.members > 1:
        of_trunk = {n: averages.get(n, []) for n, head in spec.heads.items() if not head.inputs}
        learning = each_alone(model, top, of_trunk)
    else:
        parts = {name: vectors[name] for name in read_by_trunk}
        learning = reordered(model, spec, seen.plain, parts, averages)
    return Body(model, learning, tables, shared, seen.uses, at_places=bool(lists))


@dataclass(frozen=True)
class _Seen:
    """What the inputs become, by name: `vectors` [batch, width]; `plain`, of those that go through
    a shared block, what goes in; `everywhere` [batch, places, width], of lists at each place.
    `uses` is the body's."""

    vectors: Vectors
    plain: Vectors
    everywhere: Vectors
    uses: dict[str, list[list[keras.KerasTensor]]]


def _input_vectors(
    spec: Spec,
    entries: Mapping[str, int],
    inputs: Vectors,
    tables: Mapping[str, layers.Embedding],
    shared: Mapping[str, Sequence[layers.Dense]],
    lists: Vectors,
) -> _Seen:
    seen = _Seen({}, {}, {}, {name: [] for name in shared})
    for name, part in spec.read().items():
        embedded = None
        if name in lists:
            ids = Ids(KINDS[part.kind].ids(name, part, inputs), lists[name])
            lookup = part.lookup(name)
            assert lookup is not None, "a list's elements are of a vocabulary"
            look_up = partial(_looked_up, lookup, tables, shared, seen.uses)
            if made := KINDS[part.kind].at_places(name, part, ids, look_up, entries):
                seen.vectors[name], seen.everywhere[name] = made
            continue
        if lookup := part.lookup(name):
            embedded = tables[lookup.table](KINDS[part.kind].ids(name, part, inputs))
        if said := part.block(name):
            block, _ = said
            seen.plain[name] = inputs[name] if embedded is None else embedded
            seen.uses[block].append(projections(seen.plain[name], shared[block]))
            embedded = seen.uses[block][-1][-1]
        seen.vectors[name] = KINDS[part.kind].vector(name, part, inputs, embedded, entries)
    return seen


def _looked_up(
    lookup: Lookup,
    tables: Mapping[str, layers.Embedding],
    shared: Mapping[str, Sequence[layers.Dense]],
    uses: Mapping[str, list[list[keras.KerasTensor]]],
    ids: keras.KerasTensor,
) -> keras.KerasTensor:
    """Ids [...] to their vectors [..., width], behind the block that they go through."""
    vectors = tables[lookup.table](ids)
    if lookup.through is None:
        return vectors
    uses[lookup.through].append(projections(vectors, shared[lookup.through]))
    return uses[lookup.through][-1][-1]


def averages_by_head(spec: Spec) -> dict[str, list[str]]:
    """The averages that each head reads beside the trunk's vector. The trunk reads all of them, to
    weigh them by the row; the head itself adds them up, which takes few steps to learn."""
    found: dict[str, list[str]] = {}
    for name, head in spec.averaged():
        found.setdefault(head, []).append(feature_name(name, head))
    return found


def feature_inputs(spec: Spec, entries: Mapping[str, int]) -> Vectors:
    """One Keras input for each feature of an example, under the feature's name."""
    found = {
        name: keras.Input(feature.shape, dtype=feature.dtype.name, name=name)
        for name, feature in example_features(spec, entries).inputs.items()
    }
    averages = [name for own in averages_by_head(spec).values() for name in own]
    return found | {name: keras.Input((WIDTH,), name=name) for name in averages}


def build_tables(spec: Spec, entries: Mapping[str, int]) -> dict[str, layers.Embedding]:
    """The embedding tables. Those over a vocabulary come first: from the order follows which random
    numbers each starts with."""
    lookups = [part.lookup(name) for name, part in spec.read().items()]
    tables: dict[str, layers.Embedding] = {}
    for lookup in sorted(filter(None, lookups), key=lambda one: one.vocabulary is None):
        if lookup.table not in tables:
            count = lookup.rows or id_count(entries[lookup.vocabulary or ""])
            said = spec.tables.get(lookup.table)
            length = said.length if said else 1.0
            name = table_layer(spec, lookup.table)
            tables[lookup.table] = table(count, lookup.width, name, length)
    return tables


def tables_of(spec: Spec) -> dict[str, str]:
    """{embedding table: its vocabulary}, of those that the network reads."""
    read = spec.read()
    return {
        lookup.table: lookup.vocabulary or ""
        for name, lookup in spec.lookups().items()
        if name in read
    }


def table_layer(spec: Spec, table: str) -> str:
    """The name of a table's layer. Those of an input called `table` begin with it, too."""
    return f"{clear_of(spec, 'table')}.{table}"


def clear_of(spec: Spec, group: str) -> str:
    """What the names of a group of layers begin with, apart from those of an input's own: no name
    in a spec has a dot."""
    return f"{group}." if group in spec.inputs else group


def table(count: int, width: int, name: str, length: float = 1.0) -> layers.Embedding:
    """Vectors of length 1 on average, or another. Keras's own start, a fifth of that at a width of
    50, is slow to leave: rare ids have few steps."""
    start = keras.initializers.RandomNormal(stddev=length * width**-0.5)
    return layers.Embedding(count, width, embeddings_initializer=start, name=name)


def dense(layer: Layer, name: str) -> layers.Dense:
    return layers.Dense(layer.units, activation=layer.activation, use_bias=layer.bias, name=name)


def projections(
    vectors: keras.KerasTensor, block: Sequence[layers.Dense]
) -> list[keras.KerasTensor]:
    """Vectors [..., embedding], and what each layer of a shared block makes of them in turn."""
    made = [vectors]
    for layer in block:
        made.append(layer(made[-1]))
    return made


def nothing(inputs: Vectors) -> keras.KerasTensor:
    """What a trunk without inputs knows of the rows: [batch, 1], all 0."""
    some = next(iter(inputs.values()))
    column = ops.reshape(some, (-1, math.prod(some.shape[1:])))[:, :1]
    return ops.zeros_like(ops.cast(column, "float32"))


def joined(
    name: str, vectors: Vectors, names: Sequence[str], trunk_spec: Trunk
) -> keras.KerasTensor:
    """The vectors of some inputs side by side: [batch, sum of widths]."""
    parts = [vectors[n] for n in names]
    whole = layers.Concatenate(name=f"{name}.join")(parts) if len(parts) > 1 else parts[0]
    return dropped(whole, trunk_spec.input_dropout, f"{name}.input_dropout")


def trunk(hidden: keras.KerasTensor, trunk_spec: Trunk) -> keras.KerasTensor:
    """[batch, width] of what is joined to [batch, width], or [batch, members, width]."""
    for place, layer in enumerate(trunk_spec.layers):
        name, members = f"trunk.{place}", trunk_spec.members
        of_layer = (
            dense(layer, name) if members == 1 else member_layer(layer, members, hidden, name)
        )
        hidden = dropped(of_layer(hidden), trunk_spec.dropout, f"{name}.dropout")
    return hidden


def dropped(hidden: keras.KerasTensor, share: float, name: str) -> keras.KerasTensor:
    return layers.Dropout(share, name=name)(hidden) if share > 0 else hidden
