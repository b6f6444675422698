"""The exported graph: raw columns -> features -> Keras core -> labels, scores and values.

    column (string, float32) -> LabelEncoder, scaling -> /feature/<name>      kinds.inputs.onnx
    /feature/<name> -> the core, by tf2onnx -> /output/<head>                 serving.exporting.core
    /feature/<name> -> what memories know -> /memory/<head>/...               kinds.memory.onnx
    <head>.exclude, <head>.only -> which labels may come back                 kinds.heads.labels
    /output/<head> -> softmax, TopK, label strings -> <head>.labels, ...      kinds.heads.onnx

Every inner name starts with "/". `check` is the gate that a finished file has to pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper

from kinds.heads.onnx import KINDS as HEADS
from kinds.heads.score import KINDS as RESULTS
from kinds.heads.score import FileHead
from kinds.inputs.onnx import KINDS as INPUTS
from kinds.inputs.onnx import RawInput
from kinds.inputs.part import InputPart
from kinds.memory.averages.onnx import add_average
from kinds.memory.averages.table import Remembered
from kinds.memory.head_counts import HeadCounts
from kinds.memory.onnx import add_mixture
from kinds.nodes import ML_DOMAIN, Nodes
from kinds.tensors import INNER, ML_OPSET, TOP_K, Mixed, exclude, only, output
from pipeline.failures import Exit, Failure
from serving.exporting.opsets import opset_of
from serving.exporting.profiles import PROFILES, Profile
from serving.model_file.metadata import Metadata

_ELEMENTS = {"string": TensorProto.STRING, "float": TensorProto.FLOAT, "int64": TensorProto.INT64}

# What tf2onnx makes of stock Keras layers, and what heads add; kinds of inputs say what they add.
# No Loop, If or Scan: they are slow, no quantizer touches them, and they can hide other graphs.
_OPERATIONS = """
    Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape Cos CumSum Div Elu Equal Erf
    Exp Expand Flatten Floor GRU Gather GatherElements GatherND Gemm Greater GreaterOrEqual
    HardSigmoid Identity LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
    MatMul Max Mean Min Mul Neg Not Or Pad Pow Range Reciprocal ReduceL2 ReduceLogSumExp
    ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round
    ScatterElements Selu Shape Sigmoid Sign Sin Slice Softmax Softplus Softsign Split Sqrt
    Squeeze Sub Sum Tanh Tile TopK Transpose Unsqueeze Where
"""
ALLOWED_OPERATIONS = frozenset(_OPERATIONS.split()).union(
    *(kind.operations() for kind in INPUTS.values())
)


def assemble(
    core: onnx.GraphProto,
    inputs: Mapping[str, InputPart],
    raw: Mapping[str, RawInput],
    file: Metadata,
    values: Mapping[str, Sequence[str]],
    profile: Profile = PROFILES["default"],
    averages: Mapping[str, Remembered] = MappingProxyType({}),
    counts: Mapping[str, HeadCounts] = MappingProxyType({}),
    hidden: Mapping[str, str] = MappingProxyType({}),
) -> onnx.ModelProto:
    """The whole graph of one file. `values` are those of the vocabulary of each input and head,
    `averages` the features that memories make, `counts` what heads know of labels by memories,
    `hidden` the tensors of the vectors that gates of memories read."""
    front, back = Nodes(), Nodes()
    # What is made of other inputs comes after them.
    for name, part in sorted(inputs.items(), key=lambda one: not one[1].columns(one[0])):
        INPUTS[part.kind].add_nodes(front, name, part, raw[name])
    for name, memory in averages.items():
        add_average(front, name, memory)
    for head in file.heads:
        mixed = _mixed(back, head.name, counts, hidden) if head.name in counts else None
        HEADS[head.kind].add_nodes(back, head, values.get(head.name, ()), mixed)
    top_k = numpy_helper.from_array(np.array([file.top_k], np.int64), TOP_K)
    graph = helper.make_graph(
        [*front.nodes, *core.node, *back.nodes],
        file.name,
        [
            *_columns(file),
            helper.make_tensor_value_info(TOP_K, TensorProto.INT64, [1]),
            *_candidates(file),
        ],
        [result for head in file.heads for result in _results(head)],
        [*front.constants, *core.initializer, *back.constants, top_k],
    )
    opsets = [
        helper.make_opsetid("", opset_of(inputs, profile)),
        helper.make_opsetid(ML_DOMAIN, ML_OPSET),
    ]
    return helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=profile.ir_version,
        producer_name="serving.export",
    )


def hidden_tensors(core: onnx.GraphProto, counts: Mapping[str, HeadCounts]) -> dict[str, str]:
    """{head: the tensor that its logits are a product of}, of those whose gates read it."""
    maker = {name: node for node in core.node for name in node.output}
    found = {}
    for head, own in counts.items():
        if own.gates.hidden is not None:
            summands = [maker[name] for name in maker[output(head)].input if name in maker]
            (product,) = (node for node in summands if node.op_type == "MatMul")
            found[head] = product.input[0]
    return found


def _mixed(
    nodes: Nodes, head: str, counts: Mapping[str, HeadCounts], hidden: Mapping[str, str]
) -> Mixed:
    own, read = counts[head], hidden.get(head)
    return add_mixture(nodes, head, own.gates, own.memories, several=own.several, hidden=read)


def _columns(file: Metadata) -> Iterator[onnx.ValueInfoProto]:
    """The inputs of the graph: one per typed column, in the order of the spec."""
    taken = {TOP_K, *_candidate_names(file)}
    for field in file.fields:
        column = field.output
        if column in taken or column.startswith(INNER):
            rule = f'no input column of an exported model is one of {sorted(taken)} or "{INNER}..."'
            raise Failure(Exit.USAGE, rule, received=column)
        shape: list[str | int | None] = ["rows"]
        if column in file.lengths:
            shape.append(file.lengths[column])
        element = _ELEMENTS[field.column_type.element()]
        yield helper.make_tensor_value_info(column, element, shape)


def _candidates(file: Metadata) -> Iterator[onnx.ValueInfoProto]:
    """The inputs that say which labels may come back. As `top_k` they have a default."""
    for name in _candidate_names(file):
        shape = [f"{name}/lists", f"{name}/labels"]
        yield helper.make_tensor_value_info(name, TensorProto.STRING, shape)


def _candidate_names(file: Metadata) -> list[str]:
    names = [head.name for head in file.heads if head.entries is not None]
    return [of(name) for name in names for of in (exclude, only)]


def _results(head: FileHead) -> Iterator[onnx.ValueInfoProto]:
    """The outputs of the graph. Only as many labels as `top_k` says are "k" numbers a row."""
    width = None if head.entries is None else "k"
    for name, kind in RESULTS[head.kind].columns(head, labels_only=False).items():
        is_list = pa.types.is_list(kind)
        element = _ELEMENTS[str(kind.value_type if is_list else kind)]
        yield helper.make_tensor_value_info(name, element, ["rows", width] if is_list else ["rows"])


def check(model: onnx.ModelProto, most_bytes: int = PROFILES["default"].most_bytes) -> bytes:
    """The file's bytes, once the graph has passed the gate. Raises Failure with exit code 5."""
    if model.ByteSize() > most_bytes:
        rule = f"the file may have at most {most_bytes:,} bytes; give a head or table fewer entries"
        raise Failure(Exit.USAGE, rule, received=f"{model.ByteSize():,}")
    for node in model.graph.node:
        if node.domain not in ("", ML_DOMAIN) or node.op_type not in ALLOWED_OPERATIONS:
            received = f"{node.domain or 'ai.onnx'}.{node.op_type} ({node.name})"
            raise Failure(
                Exit.INTEGRITY, "the graph may hold known operations only", received=received
            )
    try:
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        loaded(content)
    except Exception as error:  # onnx and onnxruntime each have exceptions of their own
        message = " ".join(str(error).split())[:500]
        raise Failure(Exit.INTEGRITY, f"the exported graph is not valid: {message}") from error
    return content


def loaded(content: bytes) -> onnxruntime.InferenceSession:
    """The file in onnxruntime, on all cores."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
