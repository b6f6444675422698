"""Counts over features of examples, and the statistics made of them. Numpy and pyarrow only."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.names import WEIGHT
from kinds.prepare import Which, flat
from pipeline import spec as specs
from pipeline.fields import kinds_of
from pipeline.folders.prepared import Statistics
from pipeline.preparing.reports import Key, Tallies
from pipeline.sides import SIDES


def compared(spec: specs.Spec) -> list[str]:
    """The features in which two rows must differ to be different examples: those named like inputs
    and heads, then the others."""
    names = [kind.feature_names(name, part) for name, (kind, part) in kinds_of(spec).items()]
    return [own for own, *_ in names] + [more for _, *others in names for more in others]


def written(spec: specs.Spec) -> list[str]:
    """The features that are written to examples."""
    return compared(spec) + [WEIGHT] * (spec.weight is not None)


def counted(
    rows: pa.RecordBatch, spec: specs.Spec, side: str, sizes: dict[str, int]
) -> Counter[Key]:
    """What each kind counts in a batch of features of one side.

    `sizes` has the number of entries of each vocabulary.
    """
    counts: Counter[Key] = Counter()
    vocabulary_of = spec.vocabulary_of()
    for name, (kind, part) in kinds_of(spec).items():
        size = sizes[vocabulary_of[name]] if name in vocabulary_of else 0
        for what, count in kind.counts(name, part, rows, size).items():
            counts["feature", name, side, what] = count
    if side == "train":
        counts.update(_given_values(rows, spec, sizes))
    return counts


def _given_values(rows: pa.RecordBatch, spec: specs.Spec, sizes: dict[str, int]) -> Counter[Key]:
    """The values that the spec names are counted here, all others where they are chosen."""
    counts: Counter[Key] = Counter()
    for name, vocabulary in spec.vocabulary_of().items():
        if spec.all_vocabularies()[vocabulary].values is not None:
            ids = flat(rows, name)
            known = ids[(ids >= 0) & (ids < sizes[vocabulary])]
            for at, count in enumerate(np.bincount(known).tolist()):
                if count:
                    counts["value", vocabulary, str(at)] += count
    return counts


def unknown(rows: pa.RecordBatch, spec: specs.Spec, sizes: dict[str, int]) -> Which:
    """Which rows have a value that its vocabulary does not hold; `sizes` by input and head."""
    kinds, found = kinds_of(spec), np.zeros(rows.num_rows, bool)
    for name in spec.vocabulary_of():
        kind, part = kinds[name]
        found |= kind.unknown(name, part, rows, sizes[name])
    return found


def label_counts(
    rows: pa.RecordBatch, spec: specs.Spec, sizes: dict[str, int]
) -> dict[str, Tallies]:
    """Of each head with labels, how often each label of its vocabulary is one in these rows.

    Others may use the same vocabulary, so what it counts says nothing of a head.
    """
    found = {}
    for name, labels in spec.labels().items():
        ids, size = flat(rows, name), sizes[labels.vocabulary]
        found[name] = np.bincount(ids[(ids >= 0) & (ids < size)], minlength=size)
    return found


def rows_by_side(counts: Counter[Key]) -> dict[str, int]:
    """Rows read and rejected, and the examples of each side."""
    total = {"read": 0, "rejected": 0, **dict.fromkeys(SIDES, 0)}
    for key, count in counts.items():
        if key[0] == "file" and key[2] in total:
            total[key[2]] += count
    return total


def by_file(counts: Counter[Key], paths: list[str]) -> dict[str, dict[str, int]]:
    """Rows read, written and rejected of each file."""
    return {
        path: {
            "read": counts["file", path, "read"],
            "written": sum(counts["file", path, side] for side in SIDES)
            - counts["file", path, "repeated"],
            "rejected": counts["file", path, "rejected"],
        }
        for path in paths
    }


def _reasons(counts: Counter[Key], part: int) -> dict[str, int]:
    """Why rows were rejected and how many: by the reason, or by reason and column."""
    found = Counter[str]()
    for key, count in sorted(counts.items()):
        if key[0] == "reason":
            found[key[part]] += count
    return dict(found)


def statistics(
    counts: Counter[Key], paths: list[str], spec: specs.Spec, learned: Statistics
) -> Statistics:
    """What was learned, with all that was counted."""
    numbers = {name: {**one, "missing": 0.0} for name, one in learned.numbers.items()}
    said: dict[str, dict[str, Any]] = {"numbers": numbers, "inputs": {}, "heads": {}}
    kinds = kinds_of(spec)
    sides = _sides(counts, kinds)
    # Of the heads those with labels come first.
    for name in dict.fromkeys([*spec.inputs, *spec.labels(), *spec.heads]):
        kind, part = kinds[name]
        for section, entry in kind.statistics(part, sides[name]).items():
            said[section][name] = said[section].get(name, {}) | entry
    return replace(
        learned,
        rows=rows_by_side(counts),
        files=by_file(counts, paths),
        rejected_by_reason=_reasons(counts, 1),
        rejected_by_column=_reasons(counts, 2),
        types=_types(counts),
        numbers=numbers,
        inputs=said["inputs"],
        heads=said["heads"],
    )


def _types(counts: Counter[Key]) -> dict[str, dict[str, int]]:
    """The columns that came in several types, and how many rows had each."""
    found: dict[str, dict[str, int]] = {}
    for (what, column, *kind), count in sorted(counts.items()):
        if what == "type" and kind != ["nothing"]:
            found.setdefault(column, {})[kind[0]] = count
    return {column: types for column, types in found.items() if len(types) > 1}


def _sides(counts: Counter[Key], names: Iterable[str]) -> dict[str, dict[str, Counter[str]]]:
    """What was counted of each input and head on each side."""
    found: dict[str, dict[str, Counter[str]]] = {n: {s: Counter() for s in SIDES} for n in names}
    for key, count in counts.items():
        if key[0] == "feature":
            _, name, side, what = key
            found[name][side][what] = count
    return found
