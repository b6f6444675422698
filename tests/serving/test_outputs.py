"""Inner tensors as outputs, without the onnx package."""

import numpy as np
import onnx
import onnxruntime
from small_run import LABELS, exported

from serving.model_file.file_graph import FileGraph
from serving.model_file.outputs import only_outputs

MODEL = exported() / "model" / "model.onnx"
GRAPH = FileGraph(MODEL.read_bytes())


def test_onnx_reads_a_valid_graph_that_gives_what_was_asked_for() -> None:
    wanted = {"/output/left": "float", "/head/next/ids": "int64", "next.labels": "string"}
    graph = onnx.load_from_string(only_outputs(GRAPH, wanted)).graph  # type: ignore[arg-type]
    assert [value.name for value in graph.output] == list(wanted)
    kinds = [value.type.tensor_type.elem_type for value in graph.output]
    assert kinds == [onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.STRING]


def test_what_leads_to_no_output_is_left_out() -> None:
    whole = onnx.load(MODEL)
    part = onnx.load_from_string(only_outputs(GRAPH, {"/feature/age": "float"}))
    assert [value.name for value in part.graph.input] == ["age"]
    made = {node.output[0] for node in part.graph.node}
    assert made == {
        n.output[0] for n in whole.graph.node if n.output[0].startswith("/input/age/")
    } - {"/input/age/is_missing"} | {"/feature/age"}
    assert {i.name for i in part.graph.initializer} <= {i.name for i in whole.graph.initializer}
    assert part.metadata_props == whole.metadata_props


def test_a_constant_can_be_an_output() -> None:
    content = only_outputs(GRAPH, {"/head/next/labels": "string"})
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds = {
        **{name: np.zeros(1, np.float32) for name in ("age", "size", "place")},
        **{"word": np.array([""], object), "previous": np.full((1, 4), "", object)},
    }
    read = {given.name for given in session.get_inputs()}
    feeds = {name: values for name, values in feeds.items() if name in read}
    (labels,) = session.run(["/head/next/labels"], feeds)
    assert labels.tolist()[: len(LABELS)] == LABELS
