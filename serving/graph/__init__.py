"""Joins the exported graph: raw columns -> features -> Keras core -> labels, scores and values.

    column (string, float32) -> LabelEncoder, scaling -> /feature/<name>
    /feature/<name> -> the core, by tf2onnx -> /output/<head>
    /output/<head> -> softmax, TopK, label strings -> <head>.labels, <head>.scores, <head>.value

Every inner name starts with "/". `check` is the gate that a finished file has to pass.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from kinds.columns import Field
from kinds.heads.classification.spec import Classification
from kinds.heads.multilabel.spec import Multilabel
from kinds.inputs.number.spec import Number
from kinds.inputs.sequence.spec import Sequence as SequenceInput
from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from serving.graph import features, heads
from serving.graph.core import OPSET
from serving.graph.features import ML_DOMAIN, Piece
from serving.graph.heads import TOP_K
from serving.metadata import outputs_of

IR_VERSION = 10
ML_OPSET = 3
MOST_BYTES = 2**31 - 1

# What tf2onnx makes of stock Keras layers, and what the graph's own front and back add.
# No Loop, If or Scan: they are slow, no quantizer touches them, and they can hide other graphs.
_OPERATIONS = """
    Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape CumSum Div Elu Equal Erf Exp
    Expand Flatten Floor GRU Gather GatherElements GatherND Gemm Greater GreaterOrEqual
    HardSigmoid Identity IsNaN LSTM LabelEncoder LayerNormalization LeakyRelu Less LessOrEqual
    Log LogSoftmax MatMul Max Mean Min Mul Neg Not Or Pad Pow Range Reciprocal ReduceL2
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu
    Reshape Round Selu Shape Sigmoid Sign Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub
    Sum Tanh Tile TopK Transpose Unsqueeze Where
"""
ALLOWED_OPERATIONS = frozenset(_OPERATIONS.split())


def assemble(
    core: onnx.GraphProto,
    spec: Spec,
    fields: Mapping[str, Field],
    *,
    numbers: Mapping[str, Mapping[str, Any]],
    vocabularies: Mapping[str, Sequence[str]],
    opset: int = OPSET,
    ir_version: int = IR_VERSION,
) -> onnx.ModelProto:
    """The whole graph of one file.

    `fields` has the typed column of each input: its name is the graph's input. `numbers` is that
    part of statistics.json, `vocabularies` the values by id.
    """
    front = _front(spec, fields, numbers, vocabularies)
    back = _back(spec, vocabularies)
    graph = helper.make_graph(
        [*front.nodes, *core.node, *back.nodes],
        spec.name,
        [
            *_column_inputs(spec, fields),
            helper.make_tensor_value_info(TOP_K, TensorProto.INT64, [1]),
        ],
        _outputs(spec),
        [*front.constants, *core.initializer, *back.constants, _default_top_k(spec)],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=ir_version, producer_name="serving.export"
    )


def _front(
    spec: Spec,
    fields: Mapping[str, Field],
    numbers: Mapping[str, Mapping[str, Any]],
    vocabularies: Mapping[str, Sequence[str]],
) -> Piece:
    piece, lengths = Piece(), column_lengths(spec, fields)
    for name, part in spec.inputs.items():
        column = fields[name].output
        if isinstance(part, Number):
            _add_number(piece, name, column, part, numbers.get(name, {}))
            continue
        if isinstance(part, SequenceInput) and part.length < lengths[column]:
            column = features.last_elements(piece, name, column, part.length)
        features.lookup(piece, name, column, vocabularies[part.vocabulary])
    return piece


def _back(spec: Spec, vocabularies: Mapping[str, Sequence[str]]) -> Piece:
    piece = Piece()
    for name, head in spec.heads.items():
        if isinstance(head, Classification):
            heads.classification(piece, name, vocabularies[head.vocabulary])
        elif isinstance(head, Multilabel):
            heads.multilabel(piece, name, vocabularies[head.vocabulary])
        else:
            heads.single(piece, name, outputs_of(name, head.kind)[0])
    return piece


def _add_number(
    piece: Piece, name: str, column: str, part: Number, constants: Mapping[str, Any]
) -> None:
    if part.scale != "buckets" and part.missing != "reject":
        features.missing_flag(piece, name, column)
    if isinstance(part.missing, float):
        column = features.with_default(piece, name, column, part.missing)
    if part.scale == "buckets":
        assert part.buckets is not None  # the spec sees to it
        features.bucket(piece, name, column, constants["boundaries"], part.buckets)
        return
    mean, std = constants.get("mean", 0.0), constants.get("std", 1.0)
    features.scaled(piece, name, column, part.scale, mean, std)


def column_lengths(spec: Spec, fields: Mapping[str, Field]) -> dict[str, int]:
    """How many elements the file reads of each list column: the greatest length of its inputs."""
    lengths: dict[str, int] = {}
    for name, part in spec.inputs.items():
        if isinstance(part, SequenceInput):
            column = fields[name].output
            lengths[column] = max(part.length, lengths.get(column, 0))
    return lengths


def _column_inputs(spec: Spec, fields: Mapping[str, Field]) -> list[onnx.ValueInfoProto]:
    """One input per typed column, in the order of the spec."""
    lengths, infos = column_lengths(spec, fields), []
    for field in dict.fromkeys(fields[name] for name in spec.inputs):
        column = field.output
        if column == TOP_K or column.startswith("/"):
            rule = f'no input column of an exported model is called "{TOP_K}" or "/..."'
            raise Failure(Exit.USAGE, rule, received=column)
        kind = TensorProto.STRING if field.kind in ("text", "list") else TensorProto.FLOAT
        shape: list[str | int | None] = ["rows"]
        if column in lengths:
            shape.append(lengths[column])
        infos.append(helper.make_tensor_value_info(column, kind, shape))
    return infos


def _outputs(spec: Spec) -> list[onnx.ValueInfoProto]:
    infos = []
    for name, head in spec.heads.items():
        for output in outputs_of(name, head.kind):
            is_text = output.endswith(".labels")
            shape = ["rows", "k"] if len(outputs_of(name, head.kind)) == 2 else ["rows"]
            kind = TensorProto.STRING if is_text else TensorProto.FLOAT
            infos.append(helper.make_tensor_value_info(output, kind, shape))
    return infos


def _default_top_k(spec: Spec) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array([default_top_k(spec)], np.int64), TOP_K)


def default_top_k(spec: Spec) -> int:
    """One number for the whole file: the greatest that a head asks for, 1 without label heads."""
    return max((head.top_k for head in spec.label_heads().values()), default=1)


def check(model: onnx.ModelProto, most_bytes: int = MOST_BYTES) -> bytes:
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
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnx and onnxruntime each have exceptions of their own
        message = " ".join(str(error).split())[:500]
        raise Failure(Exit.INTEGRITY, f"the exported graph is not valid: {message}") from error
    return content
