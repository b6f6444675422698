"""A run that starts from the weights of an earlier one: rows follow their values, not their ids.

    python -m trainer.task --data NEW/data --warm-start OUT/run --output NEW/run

The vocabularies may have grown (pipeline.prepare --extend) or been learned anew. What is new starts
where it was before: a new value's row is that of values out of vocabulary, and the new labels
get parts of the probability that those had, by how often each comes. So an untrained extension, at
the earlier temperature, gives every old label the score that it had.

With --learn a part of the network may learn alone (trainer.starting).

Not taken along: the optimizer's state, temperatures (fitted anew), and how numbers were
standardised, which is the new data's.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kinds.heads.any.metrics import Scale
from kinds.heads.any.network import Earlier, OutputLayer
from kinds.heads.network import KINDS
from kinds.inputs.ids.numbering import id_count, missing_id
from pipeline.failures import Exit, Failure
from pipeline.folders.run import RunFolder
from trainer.network.body import table_layer
from trainer.run import Run
from trainer.starting.standing import gates_before

Weights = list[np.ndarray]


def warm_start(run: Run, earlier: Path) -> None:
    """Sets the weights of a run that has not begun to those of an earlier run's folder.

    Raises Failure: 2 where a layer has another shape there, 5 where the folder was changed.
    """
    folder = RunFolder(earlier).verified()
    model = keras.saving.load_model(folder.keras_model, compile=False)
    old = {layer.name: layer.get_weights() for layer in model.layers}
    places = {
        name: _places(run.data.vocabulary(name), folder.vocabulary(name))
        for name in run.data.entries
        if name in folder.spec.all_vocabularies()
    }
    _take_body(run, old, places)
    temperatures = folder.metrics["temperatures"]
    for name, head in run.network.heads.items():
        if f"{name}.logits" in old:
            labels = head.part.labels()
            own = places[labels.vocabulary] if labels else np.zeros(0, np.int64)
            _take_features(head, folder.label_vectors(name))
            stands = run.start is not None and run.start.stands
            _take_head(head, old, own, 1.0 / temperatures.get(name, 1.0), run.scales[name], stands)
    if run.start and run.start.keeps_heads:
        for name, memory in run.network.memories.items():
            memory.take(gates_before(run.start, name))
    for weight, average in run.train_state.averages:
        average.assign(weight)


def _places(new: Collection[str], old: Collection[str]) -> np.ndarray:
    """int64 [new]: where each value was; the number of old values where it was in no place."""
    at = {value: place for place, value in enumerate(old)}
    return np.array([at.get(value, len(old)) for value in new], np.int64)


def _take_body(run: Run, old: Mapping[str, Weights], places: Mapping[str, np.ndarray]) -> None:
    lookups = run.spec.lookups().values()
    tables = {table_layer(run.spec, one.table): one.vocabulary or "" for one in lookups}
    for layer in run.network.body.layers:
        if not layer.weights or layer.name not in old:
            continue
        weights = old[layer.name]
        if layer.name in tables:
            rows = places[tables[layer.name]]
            unknown = len(weights[0]) - id_count(0)
            weights = [weights[0][np.append(rows, [unknown, missing_id(unknown)])]]
        _check(layer.name, weights, [tuple(w.shape) for w in layer.weights])
        layer.set_weights(weights)


def _take_features(head: OutputLayer, earlier: Mapping[str, np.ndarray] | None) -> None:
    """What values say of labels goes by their names."""
    if head.features and earlier:
        width = tuple(head.features.table.shape[1:])
        _check(head.name, [earlier["vectors"][0]], [width])
        head.features.carry(earlier)


def _take_head(
    head: OutputLayer,
    old: Mapping[str, Weights],
    places: np.ndarray,
    factor: float,
    scale: Scale,
    stands: bool,
) -> None:
    """The saved layer has the temperature and the target's scale in its weights; they go out."""
    kind, (kernel, bias) = KINDS[head.part.kind], old[f"{head.name}.logits"]
    times, plus = kind.unscaling(head.part, scale)
    kernel = (kernel / (factor * times)).T
    bias = (bias - plus) / (factor * times)
    others = head.outputs - len(places)
    is_new = np.append(places >= len(bias) - others, np.zeros(others, bool))
    earlier = Earlier(kernel, bias, places, factor, _prior(head), stands)
    kernel, bias = kind.carried(head, earlier)
    if head.features:
        kernel, bias = _without_features(head, kernel, bias, is_new)
    _check(head.name, [bias], [tuple(head.bias.shape)])
    head.bias.assign(bias)
    if not head.tied:
        _check(head.name, [kernel], [tuple(head.kernel.shape)])
        head.kernel.assign(kernel)
    if head.projection is not None:
        (projection,) = old[f"{head.name}.projection"]
        _check(head.name, [projection], [tuple(head.projection.shape)])
        head.projection.assign(projection)


def _prior(head: OutputLayer) -> np.ndarray:
    """[outputs]: where biases start, from counts; of labels that only features speak for, where the
    lowest starts."""
    start = head.bias.numpy()
    if not head.features:
        return start
    prior = np.full(head.outputs, start.min())
    prior[head.features.learned] = start
    return prior


def _without_features(
    head: OutputLayer, kernel: np.ndarray, bias: np.ndarray, is_new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What is a label's own in weights of all outputs, of those that are learned from. Features
    speak for a new label: it has no vector of its own, and the others' mean bias."""
    features = head.features
    assert features is not None
    made, biases = (part.numpy() for part in features.of_learned())
    own, start = kernel[features.learned] - made, bias[features.learned] - biases
    fresh = is_new[features.learned]
    own[fresh], start[fresh] = 0, start[~fresh].mean()
    return own[len(own) - int(head.kernel.shape[0]) :], start


def _check(name: str, weights: Weights, wanted: list[tuple[Any, ...]]) -> None:
    shapes = [w.shape for w in weights]
    if shapes != wanted:
        rule = f"{name} must have the shape of the earlier run, {shapes}"
        raise Failure(Exit.USAGE, rule, received=wanted)
