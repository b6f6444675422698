"""Inner tensors as further outputs, without the onnx package."""

import numpy as np
import onnx
import onnxruntime
from small_run import LABELS, exported

from serving.inner import with_outputs

MODEL = exported() / "model" / "model.onnx"


def test_onnx_reads_the_same_graph_with_more_outputs() -> None:
    before = onnx.load(MODEL)
    name = "/output/" + "n" * 300  # longer than one byte of length can say
    after = onnx.load_from_string(with_outputs(MODEL.read_bytes(), {name: "float", "b": "string"}))
    added = [after.graph.output.pop(-1) for _ in range(2)]
    assert after == before
    assert [value.name for value in added] == ["b", name]
    kinds = [value.type.tensor_type.elem_type for value in added]
    assert kinds == [onnx.TensorProto.STRING, onnx.TensorProto.FLOAT]


def test_a_constant_can_be_an_output() -> None:
    content = with_outputs(MODEL.read_bytes(), {"/head/next/labels": "string"})
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds = {
        **{name: np.zeros(1, np.float32) for name in ("age", "size", "place")},
        **{"word": np.array([""], object), "previous": np.full((1, 4), "", object)},
    }
    (labels,) = session.run(["/head/next/labels"], feeds)
    assert labels.tolist()[: len(LABELS)] == LABELS


def test_nothing_more_is_the_same_file() -> None:
    assert with_outputs(b"model", {}) == b"model"
