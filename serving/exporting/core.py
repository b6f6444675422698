"""The numeric core of the graph: a Keras model in ONNX, with features in and head outputs out.

Not the whole file: serving.exporting.graph adds lookups, scaling, top-k and label strings.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from tf2onnx import optimizer

from kinds.tensors import OPSET, feature, output
from pipeline.failures import Exit, Failure
from serving.exporting.canonical import canonical

CORE = "/core/"


def convert_core(model: keras.Model, opset: int = OPSET) -> onnx.GraphProto:
    """The model's graph: inputs "/feature/<name>", outputs "/output/<head>", the rest "/core/...".

    `model` has a dict of inputs and a dict of outputs. Raises Failure (5) where tf2onnx met an
    operation it cannot convert: by itself it only says so and writes the file all the same.
    """
    features, heads = list(model.input), list(model.output)
    try:
        with _without_copies():
            graph = _converted(model, features, heads, opset)
    except Exception:  # whatever an optimization may raise: on copies it is left out
        graph = _converted(model, features, heads, opset)
    if len(graph.output) != len(heads):
        raise Failure(Exit.INTEGRITY, "the core must have one output per head", received=heads)
    names = {f"feature_{at}": feature(name) for at, name in enumerate(features)}
    names |= {o.name: output(head) for o, head in zip(graph.output, heads, strict=True)}
    return canonical(graph, names, CORE)


def _converted(
    model: keras.Model, features: list[str], heads: list[str], opset: int
) -> onnx.GraphProto:
    converted, _ = tf2onnx.convert.from_function(
        _numeric_function(model, features, heads),
        input_signature=_signature(model, features),
        opset=opset,
        custom_op_handlers={"Erfc": (_erfc, []), "PyFuncStateless": (_gru, [])},
    )
    graph: onnx.GraphProto = converted.graph
    return graph


@contextmanager
def _without_copies() -> Iterator[None]:
    """Within the block tf2onnx optimizes the graph itself.

    It does so in some thirty steps, each on a copy with all weights, so that it can go on without
    one that fails. For a model with many inputs that takes a third of the export's time.
    """
    known = optimizer.optimize_graph
    optimizer.optimize_graph = lambda graph, catch_errors, **more: known(graph, False, **more)
    try:
        yield
    finally:
        optimizer.optimize_graph = known


def _signature(model: keras.Model, features: list[str]) -> list[tf.TensorSpec]:
    # Names of our own: a feature may be called what TensorFlow does not allow as a name.
    tensors = [model.input[name] for name in features]
    return [tf.TensorSpec(t.shape, t.dtype, f"feature_{at}") for at, t in enumerate(tensors)]


def _numeric_function(
    model: keras.Model, features: list[str], heads: list[str]
) -> Callable[..., list[tf.Tensor]]:
    def compute(*tensors: tf.Tensor) -> list[tf.Tensor]:
        with _marked_gru_layers(model):
            outputs = model(dict(zip(features, tensors, strict=True)), training=False)
        return [tf.identity(outputs[head]) for head in heads]

    traced: Callable[..., list[tf.Tensor]] = tf.function(
        compute, input_signature=_signature(model, features)
    )
    return traced


class _marked_gru_layers:
    """Within the block every GRU layer is one operation, which `_gru` turns into an ONNX GRU.

    tf2onnx knows the pattern of an LSTM of Keras 3 but makes a Loop of its GRU.
    """

    def __init__(self, model: keras.Model) -> None:
        self._layers = [x for x in model._flatten_layers() if _is_plain_gru(x)]

    def __enter__(self) -> None:
        for layer in self._layers:
            layer.call = partial(_marked_gru, layer)

    def __exit__(self, *_: object) -> None:
        for layer in self._layers:
            del layer.call


def _is_plain_gru(layer: Any) -> bool:
    """Whether the layer computes exactly what an ONNX GRU does; any other one stays as it is."""
    return isinstance(layer, keras.layers.GRU) and (
        layer.reset_after
        and layer.use_bias
        and not layer.go_backwards
        and not layer.return_sequences
        and not layer.return_state
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
    )


def _marked_gru(layer: Any, sequences: tf.Tensor, **_: object) -> tf.Tensor:
    cell = layer.cell
    weights = (cell.kernel, cell.recurrent_kernel, cell.bias)
    tensors = [sequences, *(tf.convert_to_tensor(w.value) for w in weights)]
    last = tf.numpy_function(_never_called, tensors, tf.float32, stateful=False)
    last.set_shape((sequences.shape[0], layer.units))
    return last


def _never_called(*_: object) -> None:
    raise AssertionError("a marker for the converter, never run")


def _gru(ctx: Any, node: Any, name: str, _args: object) -> None:
    """[batch, time, width] sequences, kernel, recurrent kernel, bias -> [batch, units].

    Keras and ONNX order the gates alike (update, reset, candidate) and, with `reset_after`,
    compute the same; ONNX has time first and the weights transposed.
    """
    kernel, recurrent, bias = (n.get_tensor_value(as_list=False) for n in node.inputs[1:])
    constants = {"W": kernel.T[None], "R": recurrent.T[None], "B": bias.reshape(1, -1)}
    made = [
        ctx.make_const(f"{name}/{k}", np.ascontiguousarray(v)).name for k, v in constants.items()
    ]
    sequences, output = node.input[0], node.output[0]
    ctx.remove_node(node.name)
    by_time = ctx.make_node("Transpose", [sequences], attr={"perm": [1, 0, 2]}).output[0]
    gru = ctx.make_node(
        "GRU",
        [by_time, *made],
        output_count=2,
        attr={"hidden_size": int(recurrent.shape[0]), "linear_before_reset": 1},
    )
    first_direction = ctx.make_const(f"{name}/axis", np.array([0], np.int64)).name
    ctx.make_node("Squeeze", [gru.output[1], first_direction], outputs=[output], name=name)


def _erfc(ctx: Any, node: Any, name: str, _args: object) -> None:
    """erfc(x) = 1 - erf(x): ONNX has no Erfc, and Keras's exact gelu uses it."""
    source, output = node.input[0], node.output[0]
    ctx.remove_node(node.name)
    erf = ctx.make_node("Erf", [source]).output[0]
    one = ctx.make_const(f"{name}/one", np.array(1, np.float32)).name
    ctx.make_node("Sub", [one, erf], outputs=[output], name=name)
