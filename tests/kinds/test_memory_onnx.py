"""The mixture in the exported graph, alone, against the reference in NumPy."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from kinds.columns import Field
from kinds.heads.onnx import KINDS
from kinds.heads.score import FileHead
from kinds.inputs.keys import Key
from kinds.memory import mixture as reference
from kinds.memory.keys import Keys, padded_ids
from kinds.memory.label_counts import LabelCounts, of_pairs
from kinds.memory.mixture import Gates, Mixture
from kinds.memory.onnx import add_mixture
from kinds.nodes import ML_DOMAIN, Nodes
from kinds.tensors import TOP_K, exclude, feature, only, output, within_head
from serving.exporting.graph import ALLOWED_OPERATIONS

ROWS, CLASSES = 40, 12
Array = np.ndarray[Any, Any]

MAKER = Key("maker", 8, unknown=6, missing=7)
MONTH = Key("month", 13)
PAID = Key("paid", 3, missing=2, missing_flag="paid_missing")
LAST = Key("items", 10, unknown=8, missing=9, place=1)
MEMORIES = {
    "by_maker_month": Keys((MAKER, MONTH)),
    "by_last": Keys((LAST,)),
    "by_paid_and_last": Keys((PAID, LAST)),
    "all_rows": Keys((Key("items", 1, place=1),)),
}


def features(draw: np.random.Generator, rows: int) -> dict[str, Array]:
    return {
        "maker": draw.integers(8, size=rows).astype(np.int32),
        "month": draw.integers(13, size=rows).astype(np.int32),
        "paid": draw.integers(2, size=rows).astype(np.float32),
        "paid_missing": (draw.random(rows) < 0.3).astype(np.float32),
        "items": draw.integers(10, size=(rows, 4)).astype(np.int32),
    }


def counted(keys: Keys, draw: np.random.Generator, most: int = 64) -> LabelCounts:
    rows = keys.looked_up(padded_ids(features(draw, 300)))
    labels = np.minimum(draw.geometric(0.3, size=300) - 1, CLASSES - 1)
    pairs, at = np.unique(np.stack([rows, labels], 1)[rows >= 0], axis=0, return_inverse=True)
    counts = np.bincount(at.ravel())
    return of_pairs(pairs[:, 0], pairs[:, 1], 1.0 * counts, counts, most=most)


LABELS = [str(label) for label in range(CLASSES - 1)]


class Model:
    """A classification with memories of random counts: in a file, and as the reference has it."""

    def __init__(
        self,
        names: list[str],
        most: int = 64,
        opset: int = 18,
        kind: str = "classification",
    ) -> None:
        draw, k = np.random.default_rng(3), len(names)
        self.several = kind == "multilabel"
        self.labels = [*LABELS, "last"] if self.several else LABELS
        self.tables = {name: counted(MEMORIES[name], draw, most) for name in names}
        self.gates = Gates(
            draw.normal(size=k + 1),
            draw.normal(size=(k + 1, 3 * k)),
            draw.uniform(0.1, 0.9, size=k),
        )
        nodes, head = Nodes(), FileHead("h", kind, Field("h", "text"), len(self.labels))
        memories = {name: (MEMORIES[name], table) for name, table in self.tables.items()}
        mixed = add_mixture(nodes, "h", self.gates, memories, several=self.several)
        KINDS[kind].add_nodes(nodes, head, self.labels, mixed)
        read = {name for node in nodes.nodes for name in node.input}
        given = [(feature(n), v) for n, v in features(draw, 1).items()]
        given.append((output("h"), np.zeros((1, CLASSES), np.float32)))
        given += [(of("h"), np.empty((1, 0), object)) for of in (exclude, only)]
        graph = helper.make_graph(
            nodes.nodes,
            "memory",
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(values.dtype), [None] * values.ndim
                )
                for name, values in [*given, (TOP_K, np.ones(1, np.int64))]
                if name in read
            ],
            [
                helper.make_tensor_value_info(
                    within_head("h", "ids"), TensorProto.INT64, [None, None]
                ),
                helper.make_tensor_value_info("h.scores", TensorProto.FLOAT, [None, None]),
                helper.make_tensor_value_info(mixed.share, TensorProto.FLOAT, [None, None]),
                helper.make_tensor_value_info(mixed.all.labels, TensorProto.INT64, [None, None]),
                helper.make_tensor_value_info(mixed.all.masses, TensorProto.FLOAT, [None, None]),
            ],
            nodes.constants,
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(ML_DOMAIN, 3)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        assert {node.op_type for node in nodes.nodes} <= ALLOWED_OPERATIONS
        self._session = onnxruntime.InferenceSession(model.SerializeToString())

    def run(
        self, given: dict[str, Array], logits: Array, k: int = 5, **lists: Array
    ) -> list[Array]:
        """ids and scores of the best labels; share, labels and masses. `lists` are labels that
        must not come back, or that alone may."""
        of = {feature(name): values for name, values in given.items()}
        of |= {output("h"): logits, TOP_K: np.array([k])}
        of |= {f"h.{name}": values for name, values in lists.items()}
        read = {one.name for one in self._session.get_inputs()} | {f"h.{n}" for n in lists}
        found = self._session.run(None, {n: v for n, v in of.items() if n in read})
        return [np.asarray(values) for values in found]

    def expected(self, given: dict[str, Array], logits: Array) -> Array:
        """log p of all classes."""
        seen = [
            reference.seen(table, MEMORIES[name].looked_up(padded_ids(given)))
            for name, table in self.tables.items()
        ]
        mixed = reference.mixture(self.gates, seen, several=self.several)
        if self.several:
            return reference.log_odds(logits, mixed)
        return reference.log_probabilities(logits, mixed)


def best_of(log_p: Array, k: int) -> Array:
    """The best labels, without the class of all others."""
    return np.argsort(-log_p[:, :-1], axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("k", [1, 5, len(LABELS)])
@pytest.mark.parametrize(
    ("names", "most"),
    [(["by_last"], 64), (["by_maker_month", "by_last"], 3), ([*MEMORIES], 64)],
)
def test_the_best_labels_and_their_scores_are_those_of_the_mixture(
    names: list[str], most: int, k: int, opset: int
) -> None:
    draw, model = np.random.default_rng(1), Model(names, most, opset)
    given = features(draw, ROWS)
    logits = draw.normal(size=(ROWS, CLASSES), scale=3).astype(np.float32)
    ids, scores, *mixed = model.run(given, logits, k)
    log_p = model.expected(given, logits)
    np.testing.assert_array_equal(ids, best_of(log_p, k))
    np.testing.assert_allclose(scores, np.exp(np.take_along_axis(log_p, ids, 1)), rtol=1e-5)
    share, labels, masses = mixed
    again = reference.log_probabilities(logits, Mixture(share[:, 0], labels, masses))
    np.testing.assert_allclose(again, log_p, rtol=1e-5, atol=1e-6)


def test_what_no_memory_knows_is_ranked_as_the_network_has_it() -> None:
    draw, model = np.random.default_rng(2), Model([name for name in MEMORIES if name != "all_rows"])
    given = features(draw, ROWS)
    given["maker"][:], given["items"][:, -1] = 6, 8
    logits = draw.normal(size=(ROWS, CLASSES)).astype(np.float32)
    ids, scores, *_ = model.run(given, logits)
    np.testing.assert_array_equal(ids, best_of(logits, 5))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, np.take_along_axis(shares, ids, 1), rtol=1e-5)


def test_a_label_that_the_network_gives_nothing_rises_by_its_count() -> None:
    draw, model = np.random.default_rng(4), Model(["by_last"])
    given = features(draw, ROWS)
    given["items"][:, -1] = draw.integers(8, size=ROWS)
    logits = np.zeros((ROWS, CLASSES), np.float32)
    logits[:, 5], logits[:, 0] = 300.0, -300.0
    ids, scores, *_ = model.run(given, logits, 2)
    log_p = model.expected(given, logits)
    assert (ids == 0).any(axis=1).all()
    np.testing.assert_array_equal(ids, best_of(log_p, 2))
    np.testing.assert_allclose(scores, np.exp(np.take_along_axis(log_p, ids, 1)), rtol=1e-4)


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
@pytest.mark.parametrize("option", ["exclude", "only"])
def test_what_is_left_of_a_mixture_keeps_its_rank_and_score(option: str, kind: str) -> None:
    """Also where the network gives what is left next to nothing."""
    draw, model = np.random.default_rng(7), Model([*MEMORIES], kind=kind)
    given = features(draw, ROWS)
    logits = draw.normal(size=(ROWS, CLASSES), scale=60).astype(np.float32)
    every, all_scores, *_ = model.run(given, logits, CLASSES)
    texts = np.array([*model.labels, ""], object)
    some = draw.integers(0, len(model.labels), (ROWS, 6))
    some[0] = every[0, :6] if option == "exclude" else len(model.labels)
    ids, scores, *_ = model.run(given, logits, 5, **{option: texts[some]})
    for row in range(ROWS):
        is_left = np.isin(every[row], some[row]) == (option == "only")
        own = ids[row][ids[row] < len(model.labels)]
        np.testing.assert_array_equal(own, every[row][is_left][:5])
        np.testing.assert_array_equal(scores[row][: len(own)], all_scores[row][is_left][:5])
        assert not scores[row][len(own) :].any()


@pytest.mark.parametrize("name", MEMORIES)
def test_a_memory_without_values_and_a_batch_of_one_row(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = np.zeros(0, int)
    empty = of_pairs(none, none, none, none, most=4)
    monkeypatch.setitem(globals(), "counted", lambda *_: empty)
    model, given = Model([name]), features(np.random.default_rng(5), 1)
    logits = np.arange(CLASSES, dtype=np.float32)[None]
    ids, *_ = model.run(given, logits, 3)
    assert ids.tolist() == [[CLASSES - 2, CLASSES - 3, CLASSES - 4]]


@pytest.mark.parametrize("k", [1, 5, CLASSES])
@pytest.mark.parametrize("names", [["by_last"], [*MEMORIES]])
def test_each_label_of_several_has_the_probability_of_its_own_mixture(
    names: list[str], k: int
) -> None:
    draw, model = np.random.default_rng(6), Model(names, kind="multilabel")
    given = features(draw, ROWS)
    logits = draw.normal(size=(ROWS, CLASSES), scale=3).astype(np.float32)
    ids, scores, *mixed = model.run(given, logits, k)
    odds = model.expected(given, logits)
    np.testing.assert_array_equal(ids, np.argsort(-odds, axis=1, kind="stable")[:, :k])
    chosen = np.take_along_axis(odds, ids, 1)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-chosen)), rtol=1e-5)
    share, labels, masses = mixed
    again = reference.log_odds(logits, Mixture(share[:, 0], labels, masses))
    np.testing.assert_allclose(again, odds, rtol=1e-5, atol=1e-6)
