"""Labels by int8 products: the same as float32's, whatever the weights; unproved rows are found."""

import itertools

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from kinds.columns import Field
from kinds.heads.onnx import KINDS
from kinds.heads.score import FileHead
from kinds.nodes import Nodes
from serving.model_file import network
from serving.model_file.file_graph import FileGraph
from serving.model_file.int8_top_k import (
    CANDIDATES,
    FEWEST_LABELS,
    Bound,
    int8_head,
    rounded_columns,
)
from serving.model_file.network import NO_LIMIT, Network

TRIAL = network._Session.seconds
WIDTH, LABELS, ROWS, K = 24, FEWEST_LABELS, 40, 10


def weights(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    kernel = draws.normal(0, 0.5, (WIDTH, LABELS + 1)).astype(np.float32)
    return kernel, draws.normal(0, 0.1, LABELS + 1).astype(np.float32)


def rows(seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (ROWS, WIDTH)).astype(np.float32)


def head(kind: str) -> FileHead:
    return FileHead("h", kind, Field("h", "text"), LABELS)


def graph(kernel: np.ndarray, bias: np.ndarray, kind: str = "classification") -> FileGraph:
    """x -> Relu -> one layer -> the back of an exported file."""
    if kind == "multilabel":
        kernel, bias = kernel[:, :LABELS], bias[:LABELS]
    back = Nodes()
    KINDS[kind].add_nodes(back, head(kind), [str(at) for at in range(LABELS)], None)
    layer = [
        helper.make_node("Relu", ["x"], ["/hidden"]),
        helper.make_node("MatMul", ["/hidden", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["/output/h"]),
    ]
    constants = {"w": kernel, "b": bias, "top_k": np.array([K], np.int64)}
    made = helper.make_graph(
        [*layer, *back.nodes],
        "one_layer",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH]),
            helper.make_tensor_value_info("top_k", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor_value_info("h.labels", TensorProto.STRING, None)],
        [*(numpy_helper.from_array(v, n) for n, v in constants.items()), *back.constants],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    return FileGraph(model.SerializeToString())


@pytest.fixture(autouse=True)
def int8_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a trial may say anything."""
    seconds = itertools.count(1.0)
    monkeypatch.setattr(network._Session, "seconds", lambda _: next(seconds))


def of(kernel: np.ndarray, bias: np.ndarray, kind: str = "classification") -> Network:
    made = Network(graph(kernel, bias, kind), [head(kind)], top_k=K, labels_only=True)
    assert made.uses_int8
    return made


def exact_logits(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0).astype(np.float64) @ kernel[:, :LABELS] + bias[:LABELS]


def assert_best(ids: np.ndarray, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> None:
    """The k best by float64, but for what float32 cannot tell apart."""
    logits = exact_logits(x, kernel, bias)
    best = -np.sort(-logits, axis=1)[:, : ids.shape[1]]
    chosen = np.take_along_axis(logits, ids, axis=1)
    np.testing.assert_allclose(chosen, best, rtol=1e-5, atol=1e-5)
    assert all(len(set(row)) == len(row) for row in ids.tolist())


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_the_best_labels_are_float32s(kind: str) -> None:
    kernel, bias = weights()
    got = of(kernel, bias, kind).run({"x": rows()}, None)
    assert_best(got["h.labels"], rows(), kernel, bias)


def test_the_class_of_other_labels_is_never_returned() -> None:
    kernel, bias = weights()
    bias[-1] = 1000.0
    got = of(kernel, bias).run({"x": rows()}, None)
    assert got["h.labels"].max() < LABELS


def test_labels_too_close_for_a_proof_go_through_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, bias = weights()
    # All labels but for a little alike: int8 cannot tell them apart.
    kernel = kernel[:, :1] + np.float32(1e-3) * kernel
    exact: list[int] = []
    real = network._Session.run

    def counted(self: network._Session, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        exact.append(len(inputs["x"]))
        return real(self, inputs)

    made = of(kernel, bias * np.float32(1e-3))
    monkeypatch.setattr(network._Session, "run", counted)
    got = made.run({"x": rows()}, None)
    assert exact == [ROWS, ROWS]
    assert_best(got["h.labels"], rows(), kernel, bias * np.float32(1e-3))


def test_only_the_unproved_rows_are_replaced() -> None:
    kernel, bias = weights()
    x = rows()
    x[3], x[5] = 0.0, np.nan  # every label's logit is its bias; none is a number
    bias[:] = 0.25
    got = of(kernel, bias).run({"x": x}, None)["h.labels"]
    there = np.arange(ROWS) != 5
    assert_best(got[there], x[there], kernel, bias)


def test_multilabel_scores_are_the_logistic_function_of_exact_logits() -> None:
    kernel, bias = weights()
    made = Network(graph(kernel, bias, "multilabel"), [head("multilabel")], top_k=K,
                   labels_only=False)  # fmt: skip
    assert made.uses_int8
    got = made.run({"x": rows()}, 5)
    logits = np.take_along_axis(exact_logits(rows(), kernel, bias), got["h.labels"], axis=1)
    np.testing.assert_allclose(got["h.scores"], 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert got["h.scores"].shape == (ROWS, 5)
    assert got["h.scores"].dtype == np.float32


def test_probabilities_over_all_labels_are_made_in_float32() -> None:
    made = Network(graph(*weights()), [head("classification")], top_k=K, labels_only=False)
    assert not made.uses_int8


def test_more_labels_than_candidates_are_ranked_in_float32() -> None:
    kernel, bias = weights()
    got = of(kernel, bias).run({"x": rows()}, CANDIDATES + 1)
    assert_best(got["h.labels"], rows(), kernel, bias)
    assert got["h.labels"].shape == (ROWS, CANDIDATES + 1)


def test_the_slower_session_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([2.0, 1.0])
    monkeypatch.setattr(network._Session, "seconds", lambda _: next(seconds))
    made = Network(graph(*weights()), [head("classification")], top_k=K, labels_only=True)
    assert not made.uses_int8


def test_a_machine_that_cuts_int8_sums_gets_no_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "multiplies_exactly", lambda *_: False)
    made = Network(graph(*weights()), [head("classification")], top_k=K, labels_only=True)
    assert not made.uses_int8


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_of_what_may_come_back_the_best_are_float32s(kind: str) -> None:
    """Lists for each row and for all, and less left than is asked for."""
    kernel, bias = weights()
    made = Network(
        graph(kernel, bias, kind), [head(kind)], top_k=K, labels_only=True, limited=["h"]
    )
    assert made.uses_int8
    draw = np.random.default_rng(4)
    whole = np.argsort(-exact_logits(rows(), kernel, bias), axis=1)
    best_and_any = np.concatenate([whole[:, :60:2], draw.integers(0, LABELS + 1, (ROWS, 9))], 1)
    alone = np.sort(draw.choice(LABELS, LABELS // 2, replace=False))[None, :]
    few = draw.integers(0, LABELS + 1, (ROWS, K - 3))
    for excluded, allowed in (
        (best_and_any, NO_LIMIT), (best_and_any[:1], NO_LIMIT), (NO_LIMIT, alone), (NO_LIMIT, few),
        (best_and_any, alone), (best_and_any, few), (few, few), (NO_LIMIT, NO_LIMIT),
    ):  # fmt: skip
        given = {"x": rows(), "/head/h/exclude/ids": excluded, "/head/h/only/ids": allowed}
        got = made.run(given, None)["h.labels"]
        for at in range(ROWS):
            left = np.ones(LABELS, bool) if not allowed.shape[1] else np.zeros(LABELS, bool)
            known = allowed[at % len(allowed)]
            left[known[known < LABELS]] = True
            gone = excluded[at % len(excluded)]
            left[gone[gone < LABELS]] = False
            expected = [label for label in whole[at] if left[label]][:K]
            own = [label for label in got[at].tolist() if label < LABELS]
            assert len(set(own)) == len(own) == len(expected)
            assert left[own].all()
            logits = exact_logits(rows()[at : at + 1], kernel, bias)[0]
            np.testing.assert_allclose(logits[own], logits[expected], rtol=1e-5, atol=1e-5)


def test_few_labels_or_another_last_layer_have_no_int8_form() -> None:
    few = FileHead("h", "classification", Field("h", "text"), 100)
    assert int8_head(graph(*weights()), few) is None
    found = graph(*weights())
    found.maker["/output/h"].operation = "Sub"
    assert int8_head(found, head("classification")) is None


def test_no_int8_logit_is_further_off_than_its_bound() -> None:
    kernel, bias = weights()
    steps, rounded = rounded_columns(kernel)
    bound = Bound.of(kernel, bias)
    for x in rows():
        step = np.abs(x).max() / 127
        near = np.rint(x / step) * step
        error = np.abs(x @ kernel.astype(np.float64) - near @ (rounded * steps.astype(np.float64)))
        allowed = np.linalg.norm(x - near) * bound.kernel + np.linalg.norm(near) * bound.rounding
        assert error.max() <= allowed


def test_a_trial_takes_time() -> None:
    """The trial itself, which the other tests replace."""
    part = network._Session(graph(*weights()), [{"h.labels": ("/head/h/ids", "int64")}])
    assert TRIAL(part) > 0
