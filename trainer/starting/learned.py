"""Which variables of a network learn, and which of their rows alone where only new ids do."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.spec import Spec
from trainer.network import FROZEN, MEMORY, Network, shared_group
from trainer.network.body import table_layer, tables_of
from trainer.phases.schedule import frozen_blocks, phase_plans
from trainer.starting import Start


class Learned(NamedTuple):
    """`variables` learn; of those in `rows`, by id(), only the rows that are true."""

    variables: list[tf.Variable]
    rows: Mapping[int, tf.Tensor]


def learned(network: Network, spec: Spec, start: Start | None) -> Learned:
    """What steps train. Blocks in phases, gates and frozen tables are not among it."""
    match start.learn if start else None:
        case "heads":
            return Learned(list(network.groups["heads"]), {})
        case "common":
            return Learned([], {})
        case "new" if start:
            return of_new_ids(network, spec, start)
        case _:
            resting = map(shared_group, frozen_blocks(phase_plans(spec)))
            return Learned(network.variables(without=[*resting, MEMORY, FROZEN]), {})


def of_new_ids(network: Network, spec: Spec, start: Start) -> Learned:
    """The tables and heads over vocabularies that have grown."""
    found: list[tuple[tf.Variable, str]] = []
    for table, vocabulary in tables_of(spec).items():
        if not (table in spec.tables and spec.tables[table].frozen):
            embeddings = network.body.get_layer(table_layer(spec, table)).embeddings.value
            found.append((embeddings, vocabulary))
    for name, labels in spec.labels().items():
        if network.heads[name].features:
            continue  # what a file says of new labels makes their vectors
        found += [(v, labels.vocabulary) for v in network.heads[name].rows_by_class()]
    grown = [(v, start.size(vocabulary)) for v, vocabulary in found]
    rows = {id(v): _between(*size, count=int(v.shape[0])) for v, size in grown if size}
    return Learned([v for v, size in grown if size], rows)


def _between(first: int, end: int, *, count: int) -> tf.Tensor:
    """bool [count]: true from the first to before the end."""
    places = np.arange(count)
    return tf.constant((places >= first) & (places < end))
