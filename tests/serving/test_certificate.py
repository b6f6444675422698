"""The certificate refuses a broken file and passes a right one."""

import functools
from collections.abc import Callable

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import numpy_helper
from small_run import AGE_MEAN, WORDS, exported

from kinds.columns import Field
from kinds.differences import TOLERANCE, Difference, value_difference
from kinds.heads.score import KINDS, FileHead
from pipeline.failures import Exit, Failure
from serving.exporting import certificate, hard_cases, model_folder, reference, trained_run
from serving.exporting import exported as exported_file
from serving.exporting.graph import check


@functools.cache
def loaded() -> trained_run.TrainedRun:
    return trained_run.TrainedRun(exported() / "run")


@functools.cache
def built() -> bytes:
    content: bytes = model_folder.build(loaded())[0].SerializeToString()
    return content


def constant(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    (found,) = [i for i in model.graph.initializer if i.name == name]
    tensor: onnx.TensorProto = found
    return tensor


def replace(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    constant(model, name).CopyFrom(numpy_helper.from_array(value, name))


def weight(model: onnx.ModelProto, *shape: int) -> str:
    return next(str(i.name) for i in model.graph.initializer if tuple(i.dims) == shape)


def swapped_label(model: onnx.ModelProto) -> None:
    labels = numpy_helper.to_array(constant(model, "/head/next/labels")).copy()
    labels[[4, 5]] = labels[[5, 4]]
    replace(model, "/head/next/labels", labels)


def wrong_mean(model: onnx.ModelProto) -> None:
    replace(model, "/input/age/mean", np.array(AGE_MEAN + np.float32(0.01)))


def permuted_lookup(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "LabelEncoder")
    ids = next(a for a in node.attribute if a.name == "values_int64s").ints
    first, last = WORDS.index("sat"), WORDS.index("mat")
    ids[first], ids[last] = ids[last], ids[first]


def dropped_bias(model: onnx.ModelProto) -> None:
    """The bias of the classification: the constant of 7 numbers that is added to the logits."""
    name = weight(model, 7)
    replace(model, name, np.zeros(7, np.float32))


def changed_weight(model: onnx.ModelProto) -> None:
    """One weight of one label, by a hundredth."""
    name = weight(model, 8, 7)
    values = numpy_helper.to_array(constant(model, name)).copy()
    values[3, 5] += 0.01
    replace(model, name, values)


BREAKS: dict[Callable[[onnx.ModelProto], None], str] = {
    swapped_label: "head 'next'",
    wrong_mean: "input 'age'",
    permuted_lookup: "input 'word'",
    dropped_bias: "head 'next'",
    changed_weight: "head 'next'",
}


@pytest.mark.parametrize("break_it", BREAKS, ids=lambda broken: broken.__name__)
def test_a_broken_graph_is_refused(break_it: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load_from_string(built())
    break_it(model)
    with pytest.raises(Failure, match=BREAKS[break_it]) as failure:
        model_folder.compare(loaded(), check(model))
    assert failure.value.exit_code == Exit.INTEGRITY


def test_the_right_graph_passes_all_cases(capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load_from_string(built())
    report = model_folder.compare(loaded(), check(model))
    assert {"held_out", "unseen", "empty_text", "long_text", "unicode", "missing_numbers"} <= set(
        report.cases
    )
    rows = sum(report.cases.values())
    assert f"export, compare with Keras: {rows:,} of {rows:,} rows" in capsys.readouterr().err
    assert report.cases["batch_of_1"] == 1
    assert report.cases["batch_of_1001"] == 1001
    assert report.cases["every_value"] == len(WORDS)
    assert set(report.heads) == {"next", "tags", "ends", "left", "many"}
    assert max([*report.heads.values(), *report.features.values()]) <= TOLERANCE


@pytest.mark.parametrize("break_it", [permuted_lookup, changed_weight])
def test_wide_rows_are_compared_a_few_at_a_time_and_all_the_same(
    break_it: Callable[[onnx.ModelProto], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if no more than 3 rows had room: no batch is larger, and every value is compared."""
    monkeypatch.setattr(hard_cases, "BATCH_BYTES", 3 * reference.row_bytes(loaded().model))
    batches = list[int]()
    features = reference.Reference.features

    def noted(self: reference.Reference, typed: pa.RecordBatch) -> dict[str, np.ndarray]:
        batches.append(typed.num_rows)
        return features(self, typed)

    monkeypatch.setattr(reference.Reference, "features", noted)
    model = onnx.load_from_string(built())
    report = model_folder.compare(loaded(), check(model))
    assert max(batches) == report.cases["batch_of_3"] == 3
    assert sum(batches) == sum(report.cases.values())
    assert report.cases["every_value"] == len(WORDS)
    assert report.cases["held_out"] == 40
    break_it(model)
    with pytest.raises(Failure, match=BREAKS[break_it]):
        model_folder.compare(loaded(), check(model))


def other_vector(model: onnx.ModelProto) -> None:
    """What the last word of the vocabulary is turned into, by a hundredth."""
    name = weight(model, len(WORDS) + 2, 3)
    values = numpy_helper.to_array(constant(model, name)).copy()
    values[len(WORDS) - 1] += 0.01
    replace(model, name, values)


@pytest.mark.parametrize("break_it", [permuted_lookup, changed_weight, other_vector])
def test_of_too_many_results_all_rows_are_compared_in_vectors_and_some_in_results(
    break_it: Callable[[onnx.ModelProto], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if two labels were many, and as if every case but the least had too many results."""
    monkeypatch.setattr(exported_file, "MANY_LABELS", 1)
    monkeypatch.setattr(certificate, "MOST_RESULTS", 30)
    model = onnx.load_from_string(built())
    report = model_folder.compare(loaded(), check(model))
    assert report.vectors["every_value"] == len(WORDS)
    assert report.vectors["held_out"] == 40
    assert 1 <= report.cases["held_out"] < 10
    assert 1 <= report.cases["every_value"] < len(WORDS)
    assert report.cases["every_label/held_out"] == certificate.LABEL_ROWS
    assert report.content()["rows_compared_in_vectors"] == report.vectors
    break_it(model)
    with pytest.raises(Failure, match=BREAKS.get(break_it, "head '")):
        model_folder.compare(loaded(), check(model))


def test_every_value_stands_in_a_row_however_it_is_sliced() -> None:
    fields = [Field("word", "text"), Field("all", "list"), Field("n", "number")]
    one = {"word": ["x", "y"], "all": [["x"], ["y", "x"]], "n": pa.array([1, 2], pa.float32())}
    rows = pa.RecordBatch.from_pydict(one)
    values = {"word": ["a", "b", "c"], "all": [f"v{at}" for at in range(100_003)]}
    every = hard_cases.EveryValue(rows, fields, values)
    assert every.num_rows == 100_003
    parts = [every.slice(start, 1001) for start in range(0, every.num_rows, 1001)]
    whole = pa.Table.from_batches(parts)
    assert whole["all"].to_pylist() == [[value] for value in values["all"]]
    assert whole["word"].to_pylist()[:4] == ["a", "b", "c", "a"]
    assert whole["n"].to_pylist()[1000:1003] == [1, 2, 1]


def difference(
    labels: np.ndarray, scores: np.ndarray, logits: np.ndarray, known: list[str]
) -> Difference:
    head = FileHead("h", "classification", Field("h", "text"), len(known))
    got = {"h.labels": labels, "h.scores": scores}
    return KINDS["classification"].difference(head, got, logits, known, np.ones(len(labels)))


def test_other_labels_pass_only_where_they_tie() -> None:
    logits = np.array([[1.0, 1.0, 0.0, -5.0]], np.float32)
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
    known, scores = ["a", "b", "c"], shares[None, :2].astype(np.float32)
    one = np.array([["b", "a"]], dtype=object)
    found = difference(one, scores, logits, known)
    assert found.largest < 1e-6
    assert found.ties == 0  # equal to the last bit
    wrong = np.array([["a", "c"]], dtype=object)
    assert difference(wrong, scores, logits, known).largest == np.inf


@pytest.mark.parametrize("labels", [["a", "a"], ["a", "x"]], ids=["twice", "unknown"])
def test_a_label_twice_or_unknown_is_a_difference(labels: list[str]) -> None:
    logits = np.zeros((1, 3), np.float32)
    scores = np.full((1, 2), 1 / 3, np.float32)
    got = difference(np.array([labels], dtype=object), scores, logits, ["a", "b"])
    assert got.largest == np.inf


@pytest.mark.parametrize(
    ("got", "expected", "difference"),
    [
        (1.0, 1.0, 0.0),
        (np.nan, np.nan, 0.0),
        (np.inf, np.inf, 0.0),
        (np.nan, 1.0, np.inf),
        (1.0, np.nan, np.inf),
        (0.5, 0.25, 0.25),
        (1010.0, 1000.0, 0.01),
        (-np.inf, np.inf, np.inf),
    ],
)
def test_differences_are_relative_for_great_values(
    got: float, expected: float, difference: float
) -> None:
    one, other = (np.array([x], np.float32) for x in (got, expected))
    assert value_difference(one, other, np.ones(1)) == pytest.approx(difference)


def test_a_lost_row_is_a_difference() -> None:
    assert value_difference(np.zeros(3), np.zeros(4), np.ones(4)) == np.inf
