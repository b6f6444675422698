"""Top-k in the graph: the best labels of each row, never the class of unknown ones."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kinds.columns import Field
from kinds.heads.onnx import KINDS
from kinds.heads.score import FileHead
from kinds.nodes import ML_DOMAIN, Nodes
from kinds.tensors import output

LABELS = ["a", "", "🙂", "d"]


def run(
    nodes: Nodes, logits: list[list[float]], top_k: int | None = None
) -> tuple[list[list[str]], np.ndarray]:
    graph = helper.make_graph(
        nodes.nodes,
        "nodes",
        [
            helper.make_tensor_value_info(output("h"), TensorProto.FLOAT, [None, None]),
            helper.make_tensor_value_info("top_k", TensorProto.INT64, [1]),
        ],
        [
            helper.make_tensor_value_info("h.labels", TensorProto.STRING, None),
            helper.make_tensor_value_info("h.scores", TensorProto.FLOAT, None),
        ],
        [*nodes.constants, numpy_helper.from_array(np.array([2], np.int64), "top_k")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(ML_DOMAIN, 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    inputs = {output("h"): np.array(logits, np.float32)}
    if top_k is not None:
        inputs["top_k"] = np.array([top_k], np.int64)
    labels, scores = session.run(["h.labels", "h.scores"], inputs)
    return labels.tolist(), scores


def back(kind: str) -> Nodes:
    nodes, head = Nodes(), FileHead("h", kind, Field("h", "text"), len(LABELS))
    KINDS[kind].add_nodes(nodes, head, LABELS, None)
    return nodes


@pytest.mark.parametrize("other", [-9.0, 0.5, 9.0])
def test_the_class_of_other_labels_takes_probability_and_no_place(other: float) -> None:
    logits = [[1.0, 0.0, 2.0, -1.0, other]]
    labels, scores = run(back("classification"), logits, 4)
    assert labels == [["🙂", "a", "", "d"]]
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
    np.testing.assert_allclose(scores[0], shares[[2, 0, 1, 3]], rtol=1e-6)


def test_the_default_and_the_greatest_k() -> None:
    logits = [[1.0, 0.0, 2.0, -1.0, 0.0]]
    assert run(back("classification"), logits)[0] == [["🙂", "a"]]
    assert run(back("classification"), logits, 1)[0] == [["🙂"]]
    assert run(back("classification"), logits, 99)[0] == [["🙂", "a", "", "d"]]


def test_of_equal_scores_the_first_label_comes_first() -> None:
    assert run(back("classification"), [[1.0, 1.0, 1.0, 1.0, 1.0]], 3)[0] == [["a", "", "🙂"]]


def test_order_is_by_logit_where_probabilities_are_equal() -> None:
    labels, scores = run(back("classification"), [[200.0, -1.0, -2.0, -3.0, 0.0]], 3)
    assert scores[0].tolist() == [1.0, 0.0, 0.0]
    assert labels == [["a", "", "🙂"]]


def test_each_label_of_a_multilabel_head_has_its_own_probability() -> None:
    labels, scores = run(back("multilabel"), [[0.0, 3.0, -3.0, 1.0]], 2)
    assert labels == [["", "d"]]
    np.testing.assert_allclose(scores[0], 1 / (1 + np.exp([-3.0, -1.0])), rtol=1e-6)
