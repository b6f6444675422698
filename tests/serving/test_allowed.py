"""What the scorer refuses before onnxruntime sees it, without the `onnx` package."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.failures import Exit, Failure
from serving.model_file.allowed import refuse_unknown


def small_model() -> onnx.ModelProto:
    one = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])
    weight = numpy_helper.from_array(np.array([2.0], np.float32), "w")
    node = helper.make_node("Mul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", [one], [out], [weight])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def external_in_an_attribute(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="t", data_type=1)
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def foreign_operation(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.microsoft"


def foreign_opset(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("evil.example", 1))


def newer_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21


def newer_ir(model: onnx.ModelProto) -> None:
    model.ir_version = 11


def inner_graph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node.append(helper.make_node("Loop", [], ["l"], body=inner))


def function(model: onnx.ModelProto) -> None:
    opsets = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("d", "f", [], [], [], opsets))


def sparse_constant(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


BREAKS: dict[Callable[[onnx.ModelProto], None], str] = {
    external: "data outside the file",
    external_in_an_attribute: "data outside the file",
    foreign_operation: "com.microsoft",
    foreign_opset: "evil.example",
    newer_opset: "version 21",
    newer_ir: "IR version 11",
    inner_graph: "a graph inside",
    function: "functions",
    sparse_constant: "sparse",
}


def test_a_plain_model_passes() -> None:
    refuse_unknown(small_model().SerializeToString())


@pytest.mark.parametrize("break_it", BREAKS, ids=lambda broken: broken.__name__)
def test_what_is_not_known_is_refused(break_it: Callable[[onnx.ModelProto], None]) -> None:
    model = small_model()
    break_it(model)
    with pytest.raises(Failure, match=BREAKS[break_it]) as failure:
        refuse_unknown(model.SerializeToString())
    assert failure.value.exit_code == Exit.INTEGRITY


def test_every_cut_and_every_noise_gives_a_verdict() -> None:
    """Any bytes either pass or are a Failure; no other exception, no endless loop."""
    content = small_model().SerializeToString()
    generator = np.random.default_rng(0)
    noise = [generator.bytes(int(n)) for n in generator.integers(0, 200, 300)]
    verdicts = set()
    for candidate in [content[:n] for n in range(1, len(content))] + noise:
        try:
            refuse_unknown(candidate)
            verdicts.add("passed")
        except Failure as failure:
            verdicts.add(str(failure.exit_code))
    assert verdicts == {"passed", str(Exit.INTEGRITY)}
