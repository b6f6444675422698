"""Scores of many labels of which one has nearly all: float32 sums lose the others beside it."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from kinds.columns import Field
from kinds.differences import TOLERANCE
from kinds.heads.score import KINDS, FileHead

LABELS = 20_000
HEAD = FileHead("next", "classification", Field("next", "text"), LABELS)
NAMES = [f"label {at}" for at in range(LABELS)]


def logits(tail: float) -> np.ndarray:
    """One label, and the class of all others, that are each `tail` times as likely."""
    found = np.full((1, LABELS + 1), np.log(tail), np.float32)
    found[0, 7] = 0.0
    return found


def softmax(values: np.ndarray) -> np.ndarray:
    """As onnxruntime makes it."""
    shape = [None, values.shape[1]]
    given, made = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "zp")
    node = helper.make_node("Softmax", ["z"], ["p"], axis=-1)
    opset = [helper.make_opsetid("", 17)]
    graph = helper.make_graph([node], "softmax", [given], [made])
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(None, {"z": values})[0])


def difference(score: float, of: np.ndarray) -> float:
    got = {
        HEAD.outputs[0]: np.array([[NAMES[7]]]),
        HEAD.outputs[1]: np.array([[score]], np.float32),
    }
    return KINDS["classification"].difference(HEAD, got, of, NAMES, np.ones(1)).largest


def test_what_a_runtime_loses_in_a_sum_of_a_long_tail_is_no_difference_of_the_file() -> None:
    tail = 2.9e-8  # Just less than what a float32 next to 1 can hold.
    values, right = logits(tail), 1 / (1 + LABELS * tail)
    score = float(softmax(values)[0, 7])
    assert score - right > TOLERANCE
    assert difference(score, values) <= TOLERANCE
    assert difference(score + 2e-4, values) > TOLERANCE


def test_where_nothing_is_lost_scores_are_held_to_the_tolerance() -> None:
    values = logits(1e-5)
    right = 1 / (1 + LABELS * 1e-5)
    assert difference(float(softmax(values)[0, 7]), values) <= TOLERANCE
    assert difference(right + 2e-5, values) > TOLERANCE
    assert difference(right, values) <= TOLERANCE / 10
