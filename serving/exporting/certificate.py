"""The certificate: the exported file gives what the transform graph and Keras give.

Both sides get the same typed rows. Ids must be identical, other numbers and all scores within
1e-5, the best labels the same except where scores tie. One difference too many is a Failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
from onnx import TensorProto, helper

from kinds.differences import EXACT_UP_TO, Array, value_difference
from kinds.heads.metrics import KINDS as MEASURED
from kinds.heads.score import KINDS, FileHead
from kinds.tensors import TOP_K, feature
from pipeline.console.progress import Progress
from pipeline.failures import Exit, Failure
from serving.exporting.certified_candidates import certify_candidates
from serving.exporting.graph import loaded
from serving.exporting.hard_cases import MOST_ROWS, Rows
from serving.exporting.reference import Reference
from serving.model_file.feeds import feeds, spans
from serving.model_file.metadata import Metadata

TOLERANCE = 1e-5
LABEL_ROWS = 8


@dataclass
class Certificate:
    """What has been compared, and the largest difference of each feature and head."""

    cases: dict[str, int] = field(default_factory=dict)
    candidates: dict[str, int] = field(default_factory=dict)
    features: dict[str, float] = field(default_factory=dict)
    heads: dict[str, float] = field(default_factory=dict)
    ties: dict[str, int] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        return {
            "rows": sum(self.cases.values()),
            "cases": self.cases,
            "candidates": self.candidates,
            "tolerance": TOLERANCE,
            "largest_differences": {"features": self.features, "heads": self.heads},
            "ranks_that_tie": self.ties,
        }


@dataclass(frozen=True)
class Exported:
    """The file under test: its session gives the features beside the results."""

    session: onnxruntime.InferenceSession
    file: Metadata

    @classmethod
    def load(cls, content: bytes, features: Mapping[str, Any], file: Metadata) -> "Exported":
        """The file with its features as further outputs. `features` are the model's inputs."""
        model = onnx.load_from_string(content)
        for name, tensor in features.items():
            kind = TensorProto.FLOAT if "float" in str(tensor.dtype) else TensorProto.INT32
            model.graph.output.append(helper.make_tensor_value_info(feature(name), kind, None))
        return cls(loaded(model.SerializeToString()), file)

    def run(
        self, typed: pa.RecordBatch, top_k: int, beside: Mapping[str, Array] = MappingProxyType({})
    ) -> dict[str, Array]:
        """`beside` are inputs that the rows do not give."""
        inputs = feeds(typed, self.file.fields, self.file.lengths) | dict(beside)
        names = [output.name for output in self.session.get_outputs()]
        parts = []
        for start, end in spans(typed, self.file.fields, typed.num_rows):
            part = {n: v if len(v) == 1 else v[start:end] for n, v in inputs.items()}
            part[TOP_K] = np.array([top_k], np.int64)
            parts.append(self.session.run(names, part))
        whole = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        return dict(zip(names, whole, strict=True))


def certify(
    exported: Exported,
    reference: Reference,
    cases: Mapping[str, Rows],
    *,
    labels: Mapping[str, Sequence[str]],
    batch_rows: int = MOST_ROWS,
) -> Certificate:
    """Compares both sides on every case. Raises Failure (5) at the first real difference.

    `labels` are those of each label head, by id. A few rows are compared in all labels, so that
    no label, however rare, is out of its place.
    """
    made = Certificate()
    name, rows = next(iter(cases.items()))
    every = rows.slice(0, min(LABEL_ROWS, batch_rows))
    first: dict[str, Rows] = {f"every_label/{name}": every} if labels else {}
    all_cases = {**cases, **first}
    count = sum(rows.num_rows for rows in all_cases.values())
    progress, done = Progress("export, compare with Keras", total=count, unit="rows"), 0
    for case, rows in all_cases.items():
        made.cases[case] = rows.num_rows
        top_k = max(map(len, labels.values())) if case in first else exported.file.top_k
        for start in range(0, rows.num_rows, batch_rows):
            part = rows.slice(start, batch_rows)
            features, got = reference.features(part), exported.run(part, top_k)
            _add_features(made, case, got, features)
            _add_heads(made, case, got, exported.file.heads, reference, features, labels)
            if case in first:
                run = partial(exported.run, part, exported.file.top_k)
                made.candidates |= certify_candidates(
                    run, exported.file.heads, got, exported.file.top_k
                )
            done += part.num_rows
            progress.at(done)
    progress.end(done)
    return made


def _add_features(
    made: Certificate, case: str, got: Mapping[str, Array], features: Mapping[str, Array]
) -> None:
    for name, expected in features.items():
        difference = feature_difference(got[feature(name)], expected)
        _note(made.features, name, difference, f"input {name!r}, case {case!r}")


def _add_heads(
    made: Certificate,
    case: str,
    got: Mapping[str, Array],
    heads: Sequence[FileHead],
    reference: Reference,
    features: Mapping[str, Array],
    labels: Mapping[str, Sequence[str]],
) -> None:
    allowed, outputs = tolerances(features), reference.outputs(features)
    for head in heads:
        expected, known = outputs[head.name], labels.get(head.name, ())
        if mixture := reference.mixture(head.name, features):
            expected = MEASURED[head.kind].mixed(expected, mixture)
        found = KINDS[head.kind].difference(head, got, expected, known, allowed)
        if found.ties is not None:
            made.ties[head.name] = made.ties.get(head.name, 0) + found.ties
        _note(made.heads, head.name, found.largest, f"head {head.name!r}, case {case!r}")


def _note(largest: dict[str, float], name: str, difference: float, place: str) -> None:
    if not difference <= TOLERANCE:
        rule = f"the exported file must give what Keras gives: {place}"
        raise Failure(Exit.INTEGRITY, rule, received=f"a difference of {difference:.3g}")
    largest[name] = max(difference, largest.get(name, 0.0))


def tolerances(features: Mapping[str, Array]) -> Array:
    """float64 [rows], at least 1: by how much more than the tolerance a row may differ."""
    largest = np.zeros(len(next(iter(features.values()))))
    for values in features.values():
        if values.dtype.kind == "f":
            sizes = np.abs(values.astype(np.float64)).reshape(len(values), -1)
            largest = np.maximum(largest, sizes.max(axis=1))
    return np.maximum(1.0, largest / EXACT_UP_TO)


def feature_difference(got: Array, expected: Array) -> float:
    """0 for equal ids and inf for others; for numbers relative to the greater of 1 and |number|."""
    if got.shape != expected.shape:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(got, expected) else np.inf
    return value_difference(got, expected, np.ones(expected.shape))
