"""A run that starts from the weights of an earlier one: rows follow their values, not their ids.

    python -m trainer.task --data NEW/data --warm-start OUT/run --output NEW/run

The vocabularies may have grown (pipeline.prepare --extend) or been learned anew. What is new starts
where it was before: a new value's row is that of values out of vocabulary, and the new labels
share the probability that those had. So an untrained extension, at the earlier temperature, gives
every old label the score that it had.

Not taken along: the optimizer's state, temperatures (fitted anew), and how numbers were
standardised, which is the new data's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.failures import Exit, Failure
from pipeline.manifest import verify
from pipeline.spec.file import parse_spec
from trainer.data_folder import vocabulary_values
from trainer.network import Scale
from trainer.network.heads import Head
from trainer.options import STAGE
from trainer.run import Run

Weights = list[np.ndarray]


def warm_start(run: Run, earlier: Path) -> None:
    """Sets the weights of a run that has not begun to those of an earlier run's folder.

    Raises Failure: 2 where a layer has another shape there, 5 where the folder was changed.
    """
    verify(earlier, stage=STAGE)
    model = keras.saving.load_model(earlier / "model.keras", compile=False)
    old = {layer.name: layer.get_weights() for layer in model.layers}
    earlier_spec = parse_spec((earlier / "spec.json").read_text("utf-8"), source="spec.json")
    places = {
        name: _places(run.data.vocabulary(name), vocabulary_values(earlier, name))
        for name in run.data.entries
        if name in earlier_spec.vocabularies
    }
    _take_body(run, old, places)
    temperatures = json.loads((earlier / "metrics.json").read_text("utf-8"))["temperatures"]
    for name, head in run.network.heads.items():
        if f"{name}.logits" in old:
            scale = run.scales.get(name, Scale())
            label_head = run.spec.label_heads().get(name)
            rows = None if label_head is None else places[label_head.vocabulary]
            _take_head(head, old, rows, 1.0 / temperatures.get(name, 1.0), scale)
    for weight, average in run.course.averages:
        average.assign(weight)


def _places(new: list[str], old: list[str]) -> np.ndarray:
    """int64 [new]: where each value was; the number of old values where it was in no place."""
    at = {value: place for place, value in enumerate(old)}
    return np.array([at.get(value, len(old)) for value in new], np.int64)


def _take_body(run: Run, old: Mapping[str, Weights], places: Mapping[str, np.ndarray]) -> None:
    tables = {f"table.{p.table_name}": p.vocabulary for p in run.spec.embedded_inputs().values()}
    for layer in run.network.body.layers:
        if not layer.weights or layer.name not in old:
            continue
        weights = old[layer.name]
        if layer.name in tables:
            rows = places[tables[layer.name]]
            unknown = len(weights[0]) - 2
            weights = [weights[0][np.append(rows, [unknown, unknown + 1])]]
        _check(layer.name, weights, [tuple(w.shape) for w in layer.weights])
        layer.set_weights(weights)


def _take_head(
    head: Head,
    old: Mapping[str, Weights],
    rows: np.ndarray | None,
    factor: float,
    scale: Scale,
) -> None:
    """The saved layer has the temperature and the target's scale in its weights; they go out."""
    kernel, bias = old[f"{head.name}.logits"]
    kernel = kernel.T / (factor * scale.std)
    bias = (bias - scale.mean) / (factor * scale.std)
    if rows is not None and head.kind == "classification":
        unknown = len(bias) - 1
        rows = np.append(rows, unknown)
        kernel, bias = kernel[rows], bias[rows]
        bias = bias - np.where(rows == unknown, np.log((rows == unknown).sum()) / factor, 0)
    elif rows is not None:
        known = rows < len(bias)
        rows = np.where(known, rows, 0)
        kernel = np.where(known[:, None], kernel[rows], head.kernel.numpy()[: len(rows)])
        bias = np.where(known, bias[rows], head.bias.numpy())
    _check(head.name, [bias], [tuple(head.bias.shape)])
    head.bias.assign(bias)
    if not head.tied:
        _check(head.name, [kernel], [tuple(head.kernel.shape)])
        head.kernel.assign(kernel)
    if head.projection is not None:
        (projection,) = old[f"{head.name}.projection"]
        _check(head.name, [projection], [tuple(head.projection.shape)])
        head.projection.assign(projection)


def _check(name: str, weights: Weights, wanted: list[tuple[Any, ...]]) -> None:
    shapes = [w.shape for w in weights]
    if shapes != wanted:
        rule = f"{name} must have the shape of the earlier run, {shapes}"
        raise Failure(Exit.USAGE, rule, received=wanted)
