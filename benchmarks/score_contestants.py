"""The contestants of benchmarks.score: functions from the number of a share to its top 10."""

import contextlib
import io
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
from numpy.typing import NDArray

from kinds.columns import cast
from kinds.tensors import IR_VERSION, OPSET, feature, output
from pipeline.failures import Exit, Failure
from pipeline.fields import fields_of
from serving import score
from serving.exporting import trained_run
from serving.exporting.core import convert_core
from serving.exporting.reference import Reference
from serving.model_file.small_batches import batch_rows

TOP = 10
# For all but ours, which knows its own.
BATCH = 256

Features = dict[str, NDArray[Any]]
Array = NDArray[Any]


def prepared(source: trained_run.TrainedRun, table: pa.Table) -> Features:
    """What the network reads of the rows."""
    fields = fields_of(source.spec).raw()
    (batch,) = table.combine_chunks().to_batches()
    typed, good, _ = cast(batch, list(dict.fromkeys(fields.values())))
    if len(good) != table.num_rows:
        raise Failure(Exit.BAD_ROWS, "the benchmark takes rows that all fit")
    reference = Reference(source.transform_graph, source.model, fields, trained_run.padding(source))
    parts = [reference.features(typed.slice(at, 8192)) for at in range(0, len(good), 8192)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def slices(features: Features, rows: int) -> list[Features]:
    count = len(next(iter(features.values())))
    return [{k: v[at : at + rows] for k, v in features.items()} for at in range(0, count, rows)]


def ours(model: Path, files: Sequence[Path], folder: Path, *more: str) -> Callable[[int], None]:
    def turn(share: int) -> None:
        output = folder / f"scores{share}.parquet"
        words = ["--model", model, "--input", files[share], "--output", output, "--force"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            score.run([*map(str, words), "--top-k", str(TOP), *more])

    return turn


def network_only(
    model: Path, outputs: Sequence[str], shares: Sequence[Features], labels: int
) -> Callable[[int], None]:
    """The exported file from its features on, without lookups and label strings."""
    whole = onnx.load(model)
    given = [_info(feature(name), values) for name, values in shares[0].items()]
    top_k = next(value for value in whole.graph.input if value.name == "top_k")
    _cut(whole.graph, [*given, top_k], outputs)
    session = _session(whole.SerializeToString(), threads=1)
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    top = {"top_k": np.array([TOP], np.int64)}

    def one(part: Features) -> None:
        session.run(None, {feature(k): v for k, v in part.items()} | top)

    def turn(share: int) -> None:
        list(pool.map(one, slices(shares[share], batch_rows([labels]))))

    return turn


def _info(name: str, values: Array) -> onnx.ValueInfoProto:
    kind = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
    return onnx.helper.make_tensor_value_info(name, kind, ["rows", *values.shape[1:]])


def _cut(
    graph: onnx.GraphProto, given: Sequence[onnx.ValueInfoProto], outputs: Sequence[str]
) -> None:
    """Leaves what leads from `given` to `outputs`."""
    needed, kept, known = set(outputs), [], {value.name for value in given}
    for node in reversed(graph.node):
        if needed.intersection(node.output) and not known.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    constants = [constant for constant in graph.initializer if constant.name in needed]
    infos = [onnx.helper.make_empty_tensor_value_info(name) for name in outputs]
    part = onnx.helper.make_graph(kept[::-1], graph.name, given, infos, constants)
    graph.CopyFrom(part)


def _session(content: bytes, *, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, threads
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def plain_onnxruntime(
    model: keras.Model, head: str, shares: Sequence[Features]
) -> Callable[[int], Array]:
    core = convert_core(keras.Model(model.input, {head: model.output[head]}))
    softmax = onnx.helper.make_node("Softmax", [output(head)], ["p"], axis=-1)
    core.node.append(softmax)
    del core.output[:]
    core.output.append(onnx.helper.make_tensor_value_info("p", onnx.TensorProto.FLOAT, None))
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    content = onnx.helper.make_model(core, opset_imports=opsets, ir_version=IR_VERSION)
    session = _session(content.SerializeToString(), threads=len(os.sched_getaffinity(0)))

    def one(part: Features) -> Array:
        (shares,) = session.run(["p"], {feature(k): v for k, v in part.items()})
        known = shares[:, :-1]
        best = np.argpartition(-known, TOP, axis=1)[:, :TOP]
        order = np.argsort(-np.take_along_axis(known, best, axis=1), axis=1, kind="stable")
        return np.take_along_axis(best, order, axis=1)

    return lambda share: np.concatenate([one(part) for part in slices(shares[share], BATCH)])


def with_top(model: keras.Model, head: str) -> keras.Model:
    logits = model.output[head]
    chances = keras.ops.softmax(logits)[:, :-1]
    scores, ids = keras.ops.top_k(chances, TOP)
    return keras.Model(model.input, {"scores": scores, "ids": ids})


def keras_predict(
    model: keras.Model, head: str, shares: Sequence[Features]
) -> Callable[[int], Array]:
    best = with_top(model, head)
    return lambda share: best.predict(shares[share], batch_size=BATCH, verbose=0)["ids"]


def torch_weights(model: keras.Model) -> Features | None:
    """Those that benchmarks.score_torch asks for; None where this is another model."""
    found = {weight.path: np.asarray(weight) for weight in model.weights}
    layers = ("shared.common.0/kernel", "trunk.1/kernel", "identifier.logits/kernel")
    return (
        found if all(layer in found for layer in layers) and "trunk.2/kernel" not in found else None
    )


class Torch:
    """PyTorch with the same weights, in a process of another Python."""

    def __init__(
        self, python: Path, weights: Features, shares: Sequence[Features], folder: Path
    ) -> None:
        np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]
        for at, share in enumerate(shares):
            np.savez(folder / f"share{at}.npz", **share)  # type: ignore[arg-type]
        script = Path(__file__).with_name("score_torch.py")
        self._folder, self._loaded = folder, -1
        self._process = subprocess.Popen(
            [python, script, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def load(self, share: int) -> None:
        """Reads a share into the other process's memory, where those of others are already."""
        if share != self._loaded:
            self._ask(share)
            self._loaded = share

    def turn(self, share: int) -> Array:
        self.load(share)
        self._ask(share)
        top: Array = np.load(self._folder / "top.npy")
        return top

    def _ask(self, share: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{share}\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise Failure(Exit.ENVIRONMENT, "PyTorch ended early; its Python needs torch and numpy")

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()
