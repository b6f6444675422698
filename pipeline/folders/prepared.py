"""Prepared files: spec, statistics, vocabularies, transform graph and some held-out rows.

Prepare writes them; the trainer copies them, so that a run folder is complete in itself.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.failures import Exit, Failure
from pipeline.folders.published import Folder, Within, read_json, write_json
from pipeline.manifest import write_text
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from pipeline.storage import stores

if TYPE_CHECKING:
    from kinds.heads.labels.features import FeatureRows
    from kinds.memory.averages.table import Averages, Remembered
    from kinds.memory.label_counts import LabelCounts

SPEC, STATISTICS, SAMPLES = "spec.json", "statistics.json", "samples.parquet"
VOCABULARY, LABELS, TRANSFORM, MEMORY = "vocabulary", "labels", "transform", "memory"
VECTORS, LABEL_FEATURES = "vectors", "label_features"
# Each value's count, in the order of ids.
Vocabulary: TypeAlias = dict[str, int]
# {input or head: {side: {what: number}}}
Shares: TypeAlias = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Statistics:
    """The sections of statistics.json. Sections that a folder does not have are empty.

    rows: read, rejected, and the examples of each side; `files` has the same for each input file
    types: columns that came in several types, and how many rows had each
    vocabularies: how many entries each has, what was cut off, and what reading cells has changed
    distributions: pipeline.distributions of each input and head among the training rows
    constant: the inputs and heads whose numbers are all the same
    numbers: mean and deviation, and boundaries, of inputs and heads that are numbers
    labels: how many values of its vocabulary are labels of a head, and how often
    times: from when to when the rows of each side are, where the split is by time
    memory: of each memory and each head that uses it, what it holds, and in how many rows of each
    side it knows the value
    leaks: rows that are on two sides; drift: distances from the rows that --compare named
    vectors: of each table that starts with vectors that exist, how much of it has one
    label_features: of each vocabulary whose labels have features, how many labels and values
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    rejected_by_column: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    vocabularies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    distributions: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    constant: Sequence[str] = ()
    numbers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: Shares = field(default_factory=dict)
    heads: Shares = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    times: Mapping[str, Sequence[str]] = field(default_factory=dict)
    memory: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    leaks: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[Mapping[str, str]] = ()
    drift: Any = None
    vectors: Mapping[str, Mapping[str, Any]] | None = None
    label_features: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def labels_of(self) -> dict[str, int]:
        """The number of labels of each head that has some."""
        return {head: one["entries"] for head, one in self.labels.items()}

    def targets(self, head: str, side: str) -> int:
        """How many targets of a head the rows of a side have: of a list many in one row."""
        return int(self.heads.get(head, {}).get(side, {}).get("targets", 0))


def read_statistics(folder: Path | str) -> Statistics:
    """Of a folder here or in a store."""
    content = read_json(stores.under(str(folder), STATISTICS))
    return Statistics(**{f.name: content[f.name] for f in fields(Statistics) if f.name in content})


@dataclass(frozen=True)
class PreparedFolder(Folder):
    """What data folders and run folders have in common."""

    spec_path = Within(SPEC)
    # Rows that were held out, and the output of tf.Transform.
    samples, transform = Within(SAMPLES), Within(TRANSFORM)

    @cached_property
    def spec(self) -> Spec:
        return parse_spec(self.spec_path.read_text(encoding="utf-8"), source=str(self.spec_path))

    @cached_property
    def statistics(self) -> Statistics:
        return read_statistics(self.path)

    @cached_property
    def entries(self) -> dict[str, int]:
        """The number of ids of each vocabulary, without those for unknown and missing."""
        return {name: one["entries"] for name, one in self.statistics.vocabularies.items()}

    @property
    def examples(self) -> Mapping[str, int]:
        """The number of examples of each side."""
        found: Mapping[str, int] = self.manifest.facts.get("examples", {})
        return found

    def rows(self, side: str) -> int:
        return self.examples.get(side, 0)

    def vocabulary(self, name: str) -> Vocabulary:
        return read_vocabulary(self.vocabulary_path(name))

    def vocabulary_path(self, name: str) -> Path:
        return self.path / VOCABULARY / f"{name}.jsonl"

    def label_counts(self, head: str) -> Vocabulary:
        """How often each value of its vocabulary is a label of the head in train."""
        return read_vocabulary(self.path / LABELS / f"{head}.jsonl")

    def memory(self, name: str, head: str) -> "LabelCounts":
        """What a memory knows of a head's labels, counted in train."""
        from kinds.memory.label_counts import LabelCounts

        return LabelCounts.from_arrays(self._read_memory(name, head))

    def averages(self, spec: Spec) -> "dict[str, Remembered]":
        """The features that memories make for heads that predict numbers, summed up in train."""
        from kinds.memory.averages import feature_name
        from kinds.memory.averages.table import Averages, Remembered
        from kinds.memory.keys import keys_of

        found = {}
        for name, head in spec.averaged():
            keys = keys_of(spec.memories[name], spec.inputs, self.entries)
            averages = Averages(**self._read_memory(name, head))
            link = spec.heads[head].link() or ""
            found[feature_name(name, head)] = Remembered(keys, averages, link)
        return found

    def vocabularies(self) -> dict[str, Vocabulary]:
        return {name: self.vocabulary(name) for name in self.spec.all_vocabularies()}

    def write_spec(self, spec: Spec) -> None:
        write_text(self.spec_path, spec.to_json())

    def write_statistics(self, statistics: Statistics) -> None:
        sections = {name: said for name, said in vars(statistics).items() if said is not None}
        write_json(self.path / STATISTICS, sections)

    def write_vocabulary(self, name: str, pairs: Iterable[tuple[str, int]]) -> None:
        """`pairs` are a value and its count, in the order of ids."""
        _write_pairs(self.vocabulary_path(name), pairs)

    def write_labels(self, head: str, pairs: Iterable[tuple[str, int]]) -> None:
        """The same, counted as labels of one head."""
        _write_pairs(self.path / LABELS / f"{head}.jsonl", pairs)

    def write_memory(self, name: str, head: str, known: "LabelCounts | Averages") -> None:
        import numpy as np

        path = self._memory(name, head)
        path.parent.mkdir(exist_ok=True)
        save: Any = np.savez
        save(path, **known.arrays())

    def vectors(self, table: str) -> tuple[Any, Any]:
        """What a table starts with: ids int64 [n], and their vectors float32 [n, width]."""
        import numpy as np

        with np.load(self.path / VECTORS / f"{table}.npz", allow_pickle=False) as arrays:
            return arrays["ids"], arrays["vectors"]

    def write_vectors(self, table: str, ids: Any, vectors: Any) -> None:
        import numpy as np

        path = self.path / VECTORS / f"{table}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, ids=ids, vectors=vectors)

    def label_features(self, vocabulary: str) -> "FeatureRows":
        """Which values the labels of a vocabulary have in columns of their own."""
        import numpy as np

        from kinds.heads.labels.features import FeatureRows

        path = self.path / LABEL_FEATURES / f"{vocabulary}.npz"
        with np.load(path, allow_pickle=False) as arrays:
            return FeatureRows.from_arrays(dict(arrays))

    def write_label_features(self, vocabulary: str, features: "FeatureRows") -> None:
        import numpy as np

        path = self.path / LABEL_FEATURES / f"{vocabulary}.npz"
        path.parent.mkdir(exist_ok=True)
        save: Any = np.savez
        save(path, **features.arrays())

    def _read_memory(self, name: str, head: str) -> dict[str, Any]:
        import numpy as np

        with np.load(self._memory(name, head), allow_pickle=False) as arrays:
            return dict(arrays)

    def _memory(self, name: str, head: str) -> Path:
        return self.path / MEMORY / f"{name}.{head}.npz"

    def copy_prepared(self, source: "PreparedFolder") -> None:
        """Copies all but the spec from another folder, as far as it is there."""
        for name in (STATISTICS, SAMPLES, VOCABULARY, LABELS, TRANSFORM, MEMORY):
            if (source.path / name).is_dir():
                shutil.copytree(source.path / name, self.path / name, dirs_exist_ok=True)
            elif (source.path / name).exists():
                shutil.copy2(source.path / name, self.path / name)


def _write_pairs(path: Path, pairs: Iterable[tuple[str, int]]) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = [json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs]
    path.write_text("".join(lines), encoding="utf-8")


def read_vocabulary(path: Path) -> Vocabulary:
    """A file of JSON lines, [value, count]. Raises Failure 5 for anything else.

    Only a line feed ends a line: a value may hold any other line end.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        pairs = [json.loads(line) for line in lines]
        found = {str(value): int(count) for value, count in pairs}
    except (ValueError, TypeError):
        rule = "a line of a vocabulary is a JSON list of a value and a count"
        raise Failure(Exit.INTEGRITY, rule, received=path) from None
    if len(found) != len(pairs):
        raise Failure(Exit.INTEGRITY, "a vocabulary has each value once", received=path)
    return found
