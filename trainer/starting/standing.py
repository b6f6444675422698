"""What stands still in a run that learns a part of the network: it is saved as it was, to the bit.

The saved layers of heads hold a temperature and the target's scale. Taking these out for training
and putting them back would round, so the earlier numbers themselves are put back.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kinds.memory.head_counts import gates_of
from kinds.memory.mixture import Gates
from pipeline.spec import Spec
from trainer.network.body import table_layer, tables_of
from trainer.starting import Start


def put_back(model: keras.Model, spec: Spec, start: Start) -> None:
    """Gives all that did not learn in the trained model the weights of the earlier run; what
    belongs to new ids keeps its own."""
    before = keras.saving.load_model(start.earlier.keras_model, compile=False)
    old = {layer.name: layer.get_weights() for layer in before.layers}
    sizes = sizes_of_rows(spec, start)
    for layer in model.layers:
        if layer.weights and not learns(layer.name, spec, start):
            grown = sizes.get(layer.name)
            pairs = zip(layer.get_weights(), old[layer.name], strict=True)
            layer.set_weights([_with_old(*pair, grown) for pair in pairs])


def learns(layer: str, spec: Spec, start: Start) -> bool:
    """Whether a layer of the trained model belongs to what learns."""
    if start.learn == "heads":
        return layer in {f"{n}.{part}" for n in spec.heads for part in ("logits", "projection")}
    return start.learn == "common" and layer in {
        f"shared.{name}.{place}"
        for name, block in spec.shared.items()
        for place in range(len(block.dense_layers()))
    }


def sizes_of_rows(spec: Spec, start: Start) -> dict[str, tuple[int, int]]:
    """{layer: how many ids it had and has} of the layers with a row, or a column, for each id of a
    vocabulary that has grown."""
    layers = {table_layer(spec, table): own for table, own in tables_of(spec).items()}
    layers |= {f"{name}.logits": labels.vocabulary for name, labels in spec.labels().items()}
    sizes = {layer: start.size(vocabulary) for layer, vocabulary in layers.items()}
    return {layer: size for layer, size in sizes.items() if size}


def _with_old(new: np.ndarray, old: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """The old weights, with those of new ids between what they had and what came after."""
    if size is None:
        return old
    had, has = size
    axis = next(a for a in range(new.ndim) if new.shape[a] != old.shape[a])
    first, last = np.split(old, [had], axis)
    own = np.take(new, np.arange(had, has), axis)
    return np.concatenate([first, own, last], axis)


def gates_before(start: Start, head: str) -> Gates:
    """What a head's memories were mixed by."""
    return gates_of(start.earlier.metrics["memory"][head])


def kept_metrics(start: Start, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics with the temperatures and gates of the earlier run, which are part of its heads."""
    before = start.earlier.metrics
    memory = {
        head: said | {"gates": before["memory"][head]["gates"]}
        for head, said in metrics.get("memory", {}).items()
    }
    kept = {"temperatures": before["temperatures"]} | ({"memory": memory} if memory else {})
    return {**metrics, **kept}
