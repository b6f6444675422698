"""The whole network as one value: body, heads, and who owns which variable.

Every trainable variable belongs to exactly one group: `tables`, each shared block as
`shared.NAME`, `trunk`, `heads`, `memory` where heads have some, and `frozen` where tables stay as
they start. These groups say what is trained when; `trainable` is never toggled, because a function
that is traced already would not notice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kinds.heads.any.network import OutputLayer
from kinds.heads.labels.features import FeatureRows
from kinds.memory.network import HeadMemory
from pipeline.spec import Spec
from trainer.network.body import Body, Taps, build_body
from trainer.network.output_layers import build_output_layers

Groups = dict[str, tuple[tf.Variable, ...]]

MEMORY = "memory"
"""The group of what is learned of memories: between epochs, never in a step."""
FROZEN = "frozen"
"""The group of the tables that stay as they start: never trained."""


@dataclass(frozen=True)
class Network:
    """`uncertainty` holds log variances of the heads where they weigh themselves, else nothing.
    `learning` is the body as steps and phases compute it (see `first_layer`).
    `taps` gives the body with a view into a shared block. `memories` are those of the heads that
    have some."""

    body: keras.Model
    learning: keras.Model
    heads: dict[str, OutputLayer]
    uncertainty: dict[str, tf.Variable]
    groups: Groups
    taps: Callable[[str], Taps]
    memories: Mapping[str, HeadMemory] = field(default_factory=dict)

    def variables(self, *, without: Iterable[str] = ()) -> list[tf.Variable]:
        """The trainable variables of all groups but some, in a fixed order."""
        left_out = set(without)
        return [v for name, group in self.groups.items() if name not in left_out for v in group]

    def state(self) -> dict[str, tf.Variable]:
        """Everything that changes in training, dropout seeds included, by name."""
        body = {f"body.{i}": v.value for i, v in enumerate(self.body.variables)}
        heads = {f"head.{i}": v for i, v in enumerate(self.groups["heads"])}
        memory = {f"{MEMORY}.{i}": v for i, v in enumerate(self.groups.get(MEMORY, ()))}
        return body | heads | memory

    def seeds(self) -> list[tf.Variable]:
        """What the dropout of train steps is drawn from: [seed, count] each."""
        return [v.value for v in self.body.variables if v.value.dtype.is_integer]


def shift_seeds(seeds: Iterable[tf.Variable], by: int) -> None:
    """Other draws for another worker: the same ones would drop the same cells of all parts of a
    batch."""
    for seed in seeds:
        seed.assign_add(tf.constant([by, 0], seed.dtype))


def build_network(
    spec: Spec,
    entries: Mapping[str, int],
    bias: Mapping[str, np.ndarray],
    *,
    seed: int,
    memories: Mapping[str, HeadMemory] = MappingProxyType({}),
    features: Mapping[str, FeatureRows] = MappingProxyType({}),
) -> Network:
    """Builds body and heads. The same seed gives the same starting weights.

    `bias` is where each head's output bias starts: {head: float [outputs]}; `features` are those of
    labels, of the heads whose labels have some.
    """
    keras.utils.set_random_seed(seed)
    body = build_body(spec, entries)
    heads = build_output_layers(spec, entries, body, bias, seed, features)
    own = spec.heads if spec.training.balance == "uncertainty" else ()
    uncertainty = {name: tf.Variable(0.0, name=f"{name}.uncertainty") for name in own}
    memories = {name: of.reading(heads[name].width) for name, of in memories.items()}
    head_variables = [v for head in heads.values() for v in head.variables()]
    head_variables += uncertainty.values()
    gates = [v for memory in memories.values() for v in memory.gates.variables()]
    frozen = [name for name, table in spec.tables.items() if table.frozen]
    learned = [table for name, table in body.tables.items() if name not in frozen]
    resting = {FROZEN: _variables(body.tables[name] for name in frozen)} if frozen else {}
    groups = group_variables(
        {
            "tables": _variables(learned),
            **resting,
            **{shared_group(name): _variables(block) for name, block in body.shared.items()},
            "trunk": _variables(_other_layers(body)),
            "heads": head_variables,
            **({MEMORY: gates} if gates else {}),
        },
        [*(v.value for v in body.model.trainable_variables), *head_variables, *gates],
    )
    return Network(body.model, body.learning, heads, uncertainty, groups, body.taps, memories)


def shared_group(block: str) -> str:
    """The name of a shared block's group."""
    return f"shared.{block}"


def _other_layers(body: Body) -> list[layers.Layer]:
    named = [*body.tables.values(), *(layer for block in body.shared.values() for layer in block)]
    owned = {id(layer) for layer in named}
    return [layer for layer in body.model.layers if id(layer) not in owned]


def _variables(owners: Iterable[layers.Layer]) -> list[tf.Variable]:
    return [v.value for layer in owners for v in layer.trainable_variables]


def group_variables(
    groups: Mapping[str, Sequence[tf.Variable]], trainable: Sequence[tf.Variable]
) -> Groups:
    """The groups, after checking that each trainable variable is in one and only one."""
    owners: dict[int, str] = {}
    for group, variables in groups.items():
        for variable in variables:
            if id(variable) in owners:
                both = f"{owners[id(variable)]!r} and {group!r}"
                raise ValueError(f"a variable has one group; {variable.name!r} is in {both}")
            owners[id(variable)] = group
    for variable in trainable:
        if id(variable) not in owners:
            raise ValueError(f"a variable has one group; {variable.name!r} is in none")
    return {group: tuple(variables) for group, variables in groups.items()}


def parameters(network: Network) -> dict[str, int]:
    """How many trainable numbers each group has. A shared weight has one owner and counts once."""
    return {
        group: sum(int(np.prod(v.shape)) for v in variables)
        for group, variables in network.groups.items()
    }


def shapes(network: Network) -> dict[str, dict[str, list[int]]]:
    """{group: {variable: its shape}}, each variable once, under its owner."""
    return {
        group: {v.name.removesuffix(":0"): list(v.shape) for v in variables}
        for group, variables in network.groups.items()
    }
