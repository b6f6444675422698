"""The certificate: the exported file gives what the transform graph and Keras give.

Both sides get the same typed rows. Ids must be identical, other numbers and all scores within
1e-5, the best labels the same except where scores tie. One difference too many is a Failure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
from onnx import TensorProto, helper

from kinds.columns import Field
from kinds.differences import EXACT_UP_TO, Array, value_difference
from kinds.heads.score import KINDS, FileHead
from kinds.tensors import TOP_K, feature
from pipeline.failures import Exit, Failure
from pipeline.progress import Progress
from serving.exporting.hard_cases import ODD_BATCH
from serving.exporting.reference import Reference
from serving.model_file.feeds import feeds

TOLERANCE = 1e-5
LABEL_ROWS = 8


@dataclass
class Certificate:
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
        inputs = feeds(typed, self.fields, self.lengths) | {TOP_K: np.array([top_k], np.int64)}
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, inputs), strict=True))


def exported(
    content: bytes, features: Mapping[str, Any], fields: Sequence[Field], lengths: Mapping[str, int]
) -> Exported:
    """Loads the file with its features as further outputs. `features` are the model's inputs."""
    model = onnx.load_from_string(content)
    for name, tensor in features.items():
        kind = TensorProto.FLOAT if "float" in str(tensor.dtype) else TensorProto.INT32
        model.graph.output.append(helper.make_tensor_value_info(feature(name), kind, None))
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
) -> Certificate:
    """Compares both sides on every case. Raises Failure (5) at the first real difference.

    `labels` are those of each label head, by id. A few rows are compared in all labels, so that
    no label, however rare, is out of its place.
    """
    made = Certificate()
    name, rows = next(iter(cases.items()))
    first = {f"every_label/{name}": rows.slice(0, LABEL_ROWS)} if labels else {}
    all_cases = {**cases, **first}
    count = sum(rows.num_rows for rows in all_cases.values())
    progress, done = Progress("export, compare with Keras", total=count, unit="rows"), 0
    for case, rows in all_cases.items():
        made.cases[case] = rows.num_rows
        k = max(map(len, labels.values())) if case in first else top_k
        for part in _slices(rows):
            _compare(file, reference, heads, labels, part, k, case, made)
            done += part.num_rows
            progress.at(done)
    progress.end(done)
    return made


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
    made: Certificate,
) -> None:
    features, got = reference.features(rows), file.run(rows, top_k)
    for name, expected in features.items():
        difference = feature_difference(got[feature(name)], expected)
        _note(made.features, name, difference, f"input {name!r}, case {case!r}")
    allowed = tolerances(features, rows.num_rows)
    outputs = reference.outputs(features)
    for head in heads:
        expected, known = outputs[head.name], labels.get(head.name, ())
        found = KINDS[head.kind].difference(head, got, expected, known, allowed)
        if found.ties is not None:
            made.ties[head.name] = made.ties.get(head.name, 0) + found.ties
        _note(made.heads, head.name, found.largest, f"head {head.name!r}, case {case!r}")


def _note(largest: dict[str, float], name: str, difference: float, place: str) -> None:
    if not difference <= TOLERANCE:
        rule = f"the exported file must give what Keras gives: {place}"
        raise Failure(Exit.INTEGRITY, rule, received=f"a difference of {difference:.3g}")
    largest[name] = max(difference, largest.get(name, 0.0))


def tolerances(features: Mapping[str, Array], rows: int) -> Array:
    """float64 [rows], at least 1: by how much more than the tolerance a row may differ."""
    largest = np.zeros(rows)
    for values in features.values():
        if values.dtype.kind == "f":
            largest = np.maximum(largest, np.abs(values.astype(np.float64)))
    return np.maximum(1.0, largest / EXACT_UP_TO)


def feature_difference(got: Array, expected: Array) -> float:
    """0 for equal ids and inf for others; for numbers relative to the greater of 1 and |number|."""
    if got.shape != expected.shape:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(got, expected) else np.inf
    return value_difference(got, expected, np.ones(len(expected)))
