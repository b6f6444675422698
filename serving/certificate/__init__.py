"""The certificate: the exported file gives what the transform graph and Keras give.

Both sides get the same typed rows. Ids must be identical, other numbers and all scores within
1e-5, the best labels the same except where scores tie. One difference too many is a Failure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pyarrow as pa
from onnx import TensorProto, helper

from kinds.columns import Field
from pipeline.failures import Exit, Failure
from pipeline.progress import Progress
from serving.certificate.cases import ODD_BATCH
from serving.certificate.reference import Reference
from serving.feeds import feeds
from serving.graph.core import FEATURE
from serving.metadata import FileHead

TOLERANCE = 1e-5
# Beyond this a float32 network itself is less exact than the tolerance: it grows in proportion.
ORDINARY = 10.0
LABEL_ROWS = 8
LABEL_TOLERANCE = 1e-4

Array = npt.NDArray[Any]


@dataclass
class Report:
    """What has been compared, and the largest difference of each feature and head."""

    cases: dict[str, int] = field(default_factory=dict)
    features: dict[str, float] = field(default_factory=dict)
    heads: dict[str, float] = field(default_factory=dict)
    ties: dict[str, int] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        return {
            "rows": sum(self.cases.values()),
            "cases": self.cases,
            "tolerance": TOLERANCE,
            "largest_differences": {"features": self.features, "heads": self.heads},
            "ranks_that_tie": self.ties,
        }


@dataclass(frozen=True)
class Exported:
    """The file under test: its session gives the features beside the results."""

    session: onnxruntime.InferenceSession
    fields: Sequence[Field]
    lengths: Mapping[str, int]

    def run(self, typed: pa.RecordBatch, top_k: int) -> dict[str, Array]:
        inputs = feeds(typed, self.fields, self.lengths) | {"top_k": np.array([top_k], np.int64)}
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, inputs), strict=True))


def exported(
    content: bytes, features: Mapping[str, Any], fields: Sequence[Field], lengths: Mapping[str, int]
) -> Exported:
    """Loads the file with its features as further outputs. `features` are the model's inputs."""
    model = onnx.load_from_string(content)
    for name, tensor in features.items():
        kind = TensorProto.FLOAT if "float" in str(tensor.dtype) else TensorProto.INT32
        model.graph.output.append(helper.make_tensor_value_info(FEATURE + name, kind, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return Exported(session, fields, lengths)


def certify(
    file: Exported,
    reference: Reference,
    heads: Sequence[FileHead],
    cases: Mapping[str, pa.RecordBatch],
    *,
    labels: Mapping[str, Sequence[str]],
    top_k: int,
) -> Report:
    """Compares both sides on every case. Raises Failure (5) at the first real difference.

    `labels` are those of each label head, by id. A few rows are compared in all labels, so that
    no label, however rare, is out of its place.
    """
    report = Report()
    name, rows = next(iter(cases.items()))
    first = {f"every_label/{name}": rows.slice(0, LABEL_ROWS)} if labels else {}
    all_cases = {**cases, **first}
    count = sum(rows.num_rows for rows in all_cases.values())
    progress, done = Progress("export, compare with Keras", total=count, unit="rows"), 0
    for case, rows in all_cases.items():
        report.cases[case] = rows.num_rows
        k = max(map(len, labels.values())) if case in first else top_k
        for part in _slices(rows):
            _compare(file, reference, heads, labels, part, k, case, report)
            done += part.num_rows
            progress.at(done)
    progress.end(done)
    return report


def _slices(rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows.num_rows, ODD_BATCH):
        yield rows.slice(start, ODD_BATCH)


def _compare(
    file: Exported,
    reference: Reference,
    heads: Sequence[FileHead],
    labels: Mapping[str, Sequence[str]],
    rows: pa.RecordBatch,
    top_k: int,
    case: str,
    report: Report,
) -> None:
    features, got = reference.features(rows), file.run(rows, top_k)
    for name, expected in features.items():
        difference = feature_difference(got[FEATURE + name], expected)
        _note(report.features, name, difference, f"input {name!r}, case {case!r}")
    allowed = tolerances(features, rows.num_rows)
    outputs = reference.outputs(features)
    for head in heads:
        results = [got[output] for output in head.outputs]
        place = f"head {head.name!r}, case {case!r}"
        if head.entries is None:
            difference = value_difference(results[0], outputs[head.name], allowed)
        else:
            expected = outputs[head.name]
            difference, ties = label_difference(
                head.kind, results[0], results[1], expected, labels[head.name], allowed
            )
            report.ties[head.name] = report.ties.get(head.name, 0) + ties
        _note(report.heads, head.name, difference, place)


def _note(largest: dict[str, float], name: str, difference: float, place: str) -> None:
    if not difference <= TOLERANCE:
        rule = f"the exported file must give what Keras gives: {place}"
        raise Failure(Exit.INTEGRITY, rule, received=f"a difference of {difference:.3g}")
    largest[name] = max(difference, largest.get(name, 0.0))


def tolerances(features: Mapping[str, Array], rows: int) -> Array:
    """float64 [rows], 1 for an ordinary row: by how much more than the tolerance it may differ."""
    largest = np.zeros(rows)
    for values in features.values():
        if values.dtype.kind == "f":
            largest = np.maximum(largest, np.abs(values.astype(np.float64)))
    return np.maximum(1.0, largest / ORDINARY)


def feature_difference(got: Array, expected: Array) -> float:
    """0 for equal ids and inf for others; for numbers relative to the greater of 1 and |number|."""
    if got.shape != expected.shape:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(got, expected) else np.inf
    return value_difference(got, expected, np.ones(len(expected)))


def value_difference(got: Array, expected: Array, allowed: Array) -> float:
    """The largest difference, relative where values exceed 1; inf where one side is NaN."""
    if got.shape != expected.shape:
        return np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.maximum(1.0, np.abs(expected.astype(np.float64)))
        difference = np.abs(got.astype(np.float64) - expected) / scale / allowed
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    difference[same] = 0.0
    return float(np.max(np.nan_to_num(difference, nan=np.inf), initial=0.0))


def label_difference(
    kind: str, labels: Array, scores: Array, logits: Array, known: Sequence[str], allowed: Array
) -> tuple[float, int]:
    """The largest difference in scores [rows, k], and how many ranks hold another label that ties.

    A label that stands where one with a clearly greater logit belongs counts as inf. Rows whose
    logits overflow have no order that could be compared.
    """
    there = np.isfinite(logits).all(axis=1)
    labels, scores, logits, allowed = (a[there] for a in (labels, scores, logits, allowed))
    ids = label_ids(labels, known)
    if ids is None or labels.shape != scores.shape:
        return np.inf, 0
    logits = logits.astype(np.float64)
    # A logit of some 20 carries a rounding error of some 1e-5 by itself, in Keras as in the file.
    allowed = np.maximum(allowed, np.abs(logits).max(axis=1, initial=0.0) / ORDINARY)
    probabilities = _probabilities(kind, logits)
    expected = np.take_along_axis(probabilities, ids, axis=1)
    difference = value_difference(scores, expected, allowed[:, None])
    ranked = logits[:, : len(known)]
    best = -np.sort(-ranked, axis=1)[:, : ids.shape[1]]
    chosen = np.take_along_axis(ranked, ids, axis=1)
    slack = LABEL_TOLERANCE * allowed[:, None] * np.maximum(1.0, np.abs(best))
    if not np.all(np.abs(best - chosen) <= slack) or _repeats(ids):
        return np.inf, 0
    return difference, int(np.sum(best != chosen))


def label_ids(labels: Array, known: Sequence[str]) -> Array | None:
    """int64 of the same shape; None where a label is not one of the head's."""
    ids = {label: at for at, label in enumerate(known)}
    found = np.array([ids.get(label, -1) for label in labels.ravel().tolist()], np.int64)
    return None if (found < 0).any() else found.reshape(labels.shape)


def _repeats(ids: Array) -> bool:
    ordered = np.sort(ids, axis=1)
    return bool((ordered[:, 1:] == ordered[:, :-1]).any())


def _probabilities(kind: str, logits: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == "multilabel":
            return np.asarray(1.0 / (1.0 + np.exp(-logits)))
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
