"""Counts over transformed batches, and statistics.json made of them. Numpy and pyarrow only."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.heads.binary.spec import Binary
from kinds.heads.multilabel.spec import Multilabel
from pipeline import spec as specs
from pipeline.sides import SIDES

Counts = Counter[tuple[str, ...]]
# How many unknown labels a row had: counted here, not written to the examples.
DROPPED = ".dropped"
WEIGHT = "row.weight"


@dataclass(frozen=True)
class Features:
    """The transformed features by what is counted of them.

    `embedded` and `labels` map a name to its vocabulary; `numbers` map one to the feature that
    says which are missing and the value that says so. `given` are the vocabularies whose values the
    spec names: their values are counted here, all others where they are chosen. `compared` are
    the features in which two rows must differ to be different examples.
    """

    written: list[str]
    embedded: dict[str, str]
    labels: dict[str, str]
    multilabels: list[str]
    targets: list[str]
    binary: list[str]
    numbers: dict[str, tuple[str, float]]
    given: frozenset[str]
    compared: list[str]


def features_of(spec: specs.Spec) -> Features:
    """What a spec's examples hold."""
    numbers, written = {}, [*spec.inputs, *spec.heads]
    for name, part in spec.number_inputs().items():
        if part.buckets is not None:
            numbers[name] = (name, float(part.buckets))
        elif part.missing != "reject":
            numbers[name] = (name + ".missing", 1.0)
            written.append(name + ".missing")
    labels = spec.label_heads()
    return Features(
        written=written + [WEIGHT] * (spec.weight is not None),
        embedded={name: part.vocabulary for name, part in spec.embedded_inputs().items()},
        labels={name: head.vocabulary for name, head in labels.items()},
        multilabels=[n for n, head in labels.items() if isinstance(head, Multilabel)],
        targets=[name for name in spec.heads if name not in labels],
        binary=[name for name, head in spec.heads.items() if isinstance(head, Binary)],
        numbers=numbers,
        given=frozenset(n for n, v in spec.vocabularies.items() if v.values is not None),
        compared=written,
    )


def counted(rows: pa.RecordBatch, features: Features, side: str, sizes: dict[str, int]) -> Counts:
    """Values, missing and unknown ones of each feature in a batch of one side.

    `sizes` has the number of entries of each vocabulary.
    """
    counts: Counts = Counter()
    for name, vocabulary in features.embedded.items():
        ids, size = _values(rows, name), sizes[vocabulary]
        counts["input", name, side, "values"] = len(ids)
        counts["input", name, side, "out_of_vocabulary"] = int((ids == size).sum())
        counts["input", name, side, "missing"] = int((ids > size).sum())
    for name in [*features.labels, *features.targets]:
        counts.update(_head(rows, name, features, side, sizes))
    for name in features.binary:
        counts["head", name, side, "positive"] = int((_values(rows, name) == 1).sum())
    for name, (feature, missing) in features.numbers.items():
        counts["number", name, side, "values"] = rows.num_rows
        counts["number", name, side, "missing"] = int((_values(rows, feature) == missing).sum())
    if side == "train":
        counts.update(_given_values(rows, features, sizes))
    return counts


def _given_values(rows: pa.RecordBatch, features: Features, sizes: dict[str, int]) -> Counts:
    counts: Counts = Counter()
    for name, vocabulary in [*features.embedded.items(), *features.labels.items()]:
        if vocabulary in features.given:
            ids = _values(rows, name)
            known = ids[(ids >= 0) & (ids < sizes[vocabulary])]
            for at, count in enumerate(np.bincount(known).tolist()):
                if count:
                    counts["value", vocabulary, str(at)] += count
    return counts


def _head(
    rows: pa.RecordBatch, name: str, features: Features, side: str, sizes: dict[str, int]
) -> Counts:
    values = _values(rows, name)
    if name in features.targets:
        missing = int(np.isnan(values).sum())
        return _head_counts(name, side, rows.num_rows, missing, rows.num_rows - missing, 0)
    missing = int((values < 0).sum())
    if name not in features.multilabels:
        unknown = int((values == sizes[features.labels[name]]).sum())
        return _head_counts(name, side, rows.num_rows, missing, rows.num_rows - missing, unknown)
    dropped = int(_values(rows, name + DROPPED).sum())
    labels = len(values) - missing + dropped
    return _head_counts(name, side, rows.num_rows, missing, labels, dropped)


def _head_counts(
    name: str, side: str, rows: int, missing: int, labels: int, unknown: int
) -> Counts:
    said = {"rows": rows, "missing": missing, "labels": labels, "out_of_vocabulary": unknown}
    return Counter({("head", name, side, what): count for what, count in said.items()})


def _values(rows: pa.RecordBatch, name: str) -> Any:
    return rows.column(name).flatten().to_numpy(zero_copy_only=False)


def rows_by_side(counts: Counts) -> dict[str, int]:
    """Rows read and rejected, and the examples of each side."""
    total = {"read": 0, "rejected": 0, **dict.fromkeys(SIDES, 0)}
    for key, count in counts.items():
        if key[0] == "file":
            total[key[2]] += count
    return total


def by_file(counts: Counts, paths: list[str]) -> dict[str, dict[str, int]]:
    """Rows read, written and rejected of each file."""
    return {
        path: {
            "read": counts["file", path, "read"],
            "written": sum(counts["file", path, side] for side in SIDES),
            "rejected": counts["file", path, "rejected"],
        }
        for path in paths
    }


def statistics(
    counts: Counts,
    paths: list[str],
    features: Features,
    learned: dict[str, Any],
) -> dict[str, Any]:
    """The content of statistics.json. `learned` has the `numbers` and `vocabularies` by name."""
    numbers = learned["numbers"]
    reasons = {key[1]: n for key, n in sorted(counts.items()) if key[0] == "reason"}
    missing = {
        name: {"missing": _share(counts, ("number", name, "train"), "missing", "values")}
        for name in features.numbers
    }
    names = dict.fromkeys([*numbers, *missing])
    return {
        "rows": rows_by_side(counts),
        "files": by_file(counts, paths),
        "rejected_by_reason": reasons,
        "vocabularies": learned["vocabularies"],
        "distributions": learned["distributions"],
        "constant": learned["constant"],
        "numbers": {
            name: {**numbers.get(name, {}), **missing.get(name, {"missing": 0.0})} for name in names
        },
        "inputs": {name: _input_shares(counts, name) for name in features.embedded},
        "heads": {
            name: _head_shares(counts, name, name in features.labels, name in features.binary)
            for name in [*features.labels, *features.targets]
        },
    }


def _share(counts: Counts, key: tuple[str, ...], part: str, whole: str) -> float:
    total = counts[*key, whole]
    return counts[*key, part] / total if total else 0.0


def _input_shares(counts: Counts, name: str) -> dict[str, Any]:
    return {
        side: {
            "values": counts["input", name, side, "values"],
            "out_of_vocabulary": _share(
                counts, ("input", name, side), "out_of_vocabulary", "values"
            ),
            "missing": _share(counts, ("input", name, side), "missing", "values"),
        }
        for side in SIDES
    }


def _head_shares(counts: Counts, name: str, is_label: bool, is_binary: bool) -> dict[str, Any]:
    shares: dict[str, Any] = {}
    for side in SIDES:
        key = ("head", name, side)
        shares[side] = {
            "targets": counts[*key, "rows"] - counts[*key, "missing"],
            "missing": _share(counts, key, "missing", "rows"),
        }
        if is_label:
            shares[side]["out_of_vocabulary"] = _share(counts, key, "out_of_vocabulary", "labels")
        if is_binary:
            shares[side]["positive"] = _share(counts, key, "positive", "labels")
    return shares
