"""`config.pbtxt` of a model repository for Triton (see serving.exporting.profiles)."""

import json

import onnx
from onnx import TensorProto

_TYPES: dict[int, str] = {
    TensorProto.STRING: "TYPE_STRING",
    TensorProto.FLOAT: "TYPE_FP32",
    TensorProto.INT64: "TYPE_INT64",
}


def config(model_name: str, graph: onnx.GraphProto) -> str:
    """`config.pbtxt` of the file: the rows are the first dimension of every tensor.

    The number of labels is not among the inputs: the file's default holds.
    """
    constants = {constant.name for constant in graph.initializer}
    inputs = [_tensor(value) for value in graph.input if value.name not in constants]
    outputs = [_tensor(value) for value in graph.output]
    return "\n".join(
        [
            f"name: {json.dumps(model_name)}",
            'platform: "onnxruntime_onnx"',
            "max_batch_size: 0",
            "input [\n" + ",\n".join(inputs) + "\n]",
            "output [\n" + ",\n".join(outputs) + "\n]",
            "",
        ]
    )


def _tensor(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    dims = ", ".join(str(dim.dim_value or -1) for dim in tensor.shape.dim)
    kind = _TYPES[tensor.elem_type]
    return f"  {{ name: {json.dumps(value.name)} data_type: {kind} dims: [ {dims} ] }}"
