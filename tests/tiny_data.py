"""Data folders as prepare publishes them, made without prepare, for the trainer's tests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.manifest import fresh_staging, publish, write_text
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

Example = Mapping[str, Sequence[int] | Sequence[float]]

WORDS, LABELS, KINDS, LENGTH = 12, 6, 3, 4

SPEC = f"""
name: tiny
weight: importance
vocabularies: {{words: {{}}, labels: {{}}, kinds: {{}}}}
shared:
  common: {{units: 5}}
inputs:
  word: {{kind: category, vocabulary: words, embedding: 4, through: common}}
  before: {{kind: sequence, vocabulary: words, embedding: 4, through: common, length: {LENGTH}}}
  size: {{kind: number}}
trunk: {{layers: [8]}}
heads:
  label: {{kind: classification, vocabulary: labels}}
  kind: {{kind: classification, vocabulary: kinds}}
  ends: {{kind: binary}}
  left: {{kind: regression}}
split: {{by: hash, columns: [word]}}
training: {{epochs: 3, batch_size: 16, learning_rate: 0.01, patience: null}}
"""
ENTRIES = {"words": WORDS, "labels": LABELS, "kinds": KINDS}


def ints(values: Any) -> np.ndarray:
    return np.asarray(values, np.int32)


def floats(values: Any) -> np.ndarray:
    return np.asarray(values, np.float32)


def tiny_spec(*, replace: Mapping[str, str] | None = None) -> Spec:
    text = SPEC
    for old, new in (replace or {}).items():
        assert old in text
        text = text.replace(old, new)
    return parse_spec(text)


def tiny_examples(rows: int, *, seed: int) -> list[Example]:
    """Rows in which the label follows from the word, and some targets are missing."""
    draw = np.random.default_rng(seed)
    return [_example(draw, int(draw.integers(WORDS + 2))) for _ in range(rows)]


def _example(draw: np.random.Generator, word: int) -> Example:
    missing = draw.random(4) < 0.2
    before = draw.integers(WORDS + 1, size=draw.integers(LENGTH + 1))
    return {
        "word": [word],
        "before": [int(i) for i in before],
        "size": [float(draw.normal())],
        "size.missing": [0.0],
        "label": [-1 if missing[0] else word % (LABELS + 1)],
        "kind": [-1 if missing[1] else int(draw.integers(KINDS))],
        "ends": [float("nan") if missing[2] else float(word % 2)],
        "left": [float("nan") if missing[3] else float(draw.normal() + word / 6 - 1)],
        "row.weight": [float(draw.choice([0.5, 1.0, 2.0]))],
    }


def write_data(
    folder: Path,
    spec: Spec,
    examples: Mapping[str, Sequence[Example]],
    *,
    entries: Mapping[str, int] = ENTRIES,
    files: int = 2,
    times: int = 1,
) -> Path:
    """Publishes a data folder; `examples` maps a split to its rows, those of train are there so
    many `times`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = fresh_staging(folder)
    for split, rows in examples.items():
        (work / "examples" / split).mkdir(parents=True)
        for part in range(files):
            name = f"part-{part:05}-of-{files:05}.tfrecord.gz"
            repeated = times if split == "train" else 1
            _write(work / "examples" / split / name, rows[part::files], repeated)
    (work / "vocabulary").mkdir()
    for name, size in entries.items():
        lines = [json.dumps([f"{name}{i}", size - i]) + "\n" for i in range(size)]
        (work / "vocabulary" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (work / "labels").mkdir()
    for name, labels in spec.labels().items():
        pairs = [[f"{labels.vocabulary}{i}", 1] for i in range(entries[labels.vocabulary])]
        lines = [json.dumps(pair) + "\n" for pair in pairs]
        (work / "labels" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    numbers = {name: {"mean": 10.0, "std": 2.0} for name in ("size", "left")}
    statistics: dict[str, Any] = {
        "vocabularies": {name: {"entries": size} for name, size in entries.items()},
        "numbers": numbers,
    }
    write_text(work / "statistics.json", json.dumps(statistics))
    write_text(work / "spec.json", spec.to_json())
    (work / "samples.parquet").write_bytes(b"samples")
    counts = {split: len(examples.get(split, ())) for split in ("train", "eval", "test")}
    counts["train"] *= times
    publish(folder, stage="data", made_from="tests", facts={"examples": counts})
    return folder


def _write(path: Path, rows: Sequence[Example], times: int) -> None:
    records = [serialized(row) for row in rows]
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for _ in range(times):
            for record in records:
                writer.write(record)


def serialized(row: Example) -> bytes:
    features = {name: _feature(name, list(values)) for name, values in row.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _feature(name: str, values: list[Any]) -> Any:
    if any(isinstance(value, float) for value in values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def tiny_data(folder: Path, *, spec: Spec | None = None) -> Path:
    """The usual folder: 70 train rows (a ragged last batch), 40 eval, 30 test."""
    sizes = {"train": 70, "eval": 40, "test": 30}
    rows = {split: tiny_examples(n, seed=i) for i, (split, n) in enumerate(sizes.items())}
    return write_data(folder, spec or tiny_spec(), rows)
