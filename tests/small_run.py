"""A run folder made by hand: tiny vocabularies, a Keras model, and a transform graph of its own.

For the tests of export and score. It shares no code with prepare and the trainer: the transform
graph is written out here once more, from the description of the features.
"""

import atexit
import functools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import tensorflow as tf
from keras import layers, ops

from pipeline import manifest
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving import export

WORDS = ["the", "cat", "", "🙂", "e\u0301", "sat", "mat"]
LABELS = ["yes", "", "no", "maybe", "=1+1", "never"]
TAGS = ["red", "green", "blue"]
AGE_MEAN, AGE_STD = np.float32(37.3), np.float32(11.7)
SIZE_MEAN, SIZE_STD = np.float32(1.25), np.float32(0.8)
BOUNDARIES = [-1.5, 0.0, 2.5]
LENGTH = 4

SPEC = """
name: small
keys: [key]
vocabularies: {words: {size: 100}, labels: {size: 100}, tags: {size: 100}}
shared: {common: {units: 6}}
inputs:
  word: {kind: category, vocabulary: words, embedding: 5, through: common}
  before: {kind: sequence, column: previous, vocabulary: words, embedding: 5, through: common,
           length: 4}
  last: {kind: sequence, column: previous, vocabulary: words, embedding: 3, table: recent,
         length: 2, combine: gru, units: 4}
  story: {kind: sequence, column: previous, vocabulary: words, embedding: 3, table: recent,
          length: 4, combine: lstm, units: 4}
  age: {kind: number}
  size: {kind: number, scale: log, missing: 2.0}
  place: {kind: number, missing: reject, scale: none}
  band: {kind: number, column: size, scale: buckets, buckets: 5, embedding: 2}
trunk: {layers: [8]}
heads:
  next: {kind: classification, vocabulary: labels, top_k: 3}
  tags: {kind: multilabel, vocabulary: tags, top_k: 2}
  ends: {kind: binary}
  left: {kind: regression}
  many: {kind: count}
split: {by: hash, columns: [key]}
"""


def small_spec() -> Spec:
    return parse_spec(SPEC)


def small_model(seed: int = 3) -> keras.Model:
    """The model of the spec, of stock layers only. Weights are drawn with a spread that shows."""
    keras.utils.set_random_seed(seed)
    inputs = {
        "word": keras.Input((), dtype="int32", name="word"),
        "before": keras.Input((LENGTH,), dtype="int32", name="before"),
        "last": keras.Input((2,), dtype="int32", name="last"),
        "story": keras.Input((LENGTH,), dtype="int32", name="story"),
        "age": keras.Input((), dtype="float32", name="age"),
        "age.missing": keras.Input((), dtype="float32", name="age.missing"),
        "size": keras.Input((), dtype="float32", name="size"),
        "size.missing": keras.Input((), dtype="float32", name="size.missing"),
        "place": keras.Input((), dtype="float32", name="place"),
        "band": keras.Input((), dtype="int32", name="band"),
    }
    rows = len(WORDS) + 2
    table, recent = layers.Embedding(rows, 5), layers.Embedding(rows, 3)
    common, bands = layers.Dense(6, use_bias=False), layers.Embedding(6, 2)
    numbers = ["age", "age.missing", "size", "size.missing", "place"]
    parts = [
        common(table(inputs["word"])),
        layers.Flatten()(common(table(inputs["before"]))),
        layers.GRU(4)(recent(inputs["last"])),
        layers.LSTM(4)(recent(inputs["story"])),
        ops.stack([ops.clip(inputs[n], -50.0, 50.0) for n in numbers], axis=-1),
        bands(inputs["band"]),
    ]
    hidden = layers.Dense(8, activation="gelu")(layers.Concatenate()(parts))
    outputs = {
        "next": layers.Dense(len(LABELS) + 1)(hidden) / 1.3,
        "tags": layers.Dense(len(TAGS), name="tags.logits")(hidden),
        "ends": ops.squeeze(layers.Dense(1, activation="sigmoid")(hidden), -1),
        "left": ops.squeeze(layers.Dense(1)(hidden), -1) * 7.0 + 20.0,
        "many": ops.exp(ops.squeeze(layers.Dense(1, activation="tanh")(hidden), -1)),
    }
    model = keras.Model(inputs, outputs)
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(0, 0.6, w.shape) for w in model.get_weights()])
    return model


class _Transform(tf.Module):
    """Raw features by input and head name -> the features of an example."""

    def __init__(self) -> None:
        super().__init__()
        keys = tf.constant([w for w in WORDS if w])
        ids = tf.constant([i for i, w in enumerate(WORDS) if w], tf.int64)
        filled = tf.lookup.KeyValueTensorInitializer(keys, ids)
        self._words = tf.lookup.StaticHashTable(filled, len(WORDS))

    @tf.function(
        input_signature=[
            {
                "word": tf.TensorSpec([None], tf.string),
                "before": tf.RaggedTensorSpec([None, None], tf.string, 1, tf.int64),
                "last": tf.RaggedTensorSpec([None, None], tf.string, 1, tf.int64),
                "story": tf.RaggedTensorSpec([None, None], tf.string, 1, tf.int64),
                "age": tf.TensorSpec([None], tf.float32),
                "size": tf.TensorSpec([None], tf.float32),
                "place": tf.TensorSpec([None], tf.float32),
                "band": tf.TensorSpec([None], tf.float32),
                "row.weight": tf.TensorSpec([None], tf.float32),
            }
        ]
    )
    def transform_fn(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        size = tf.where(tf.math.is_nan(raw["size"]), 2.0, raw["size"])
        logs = tf.sign(size) * tf.math.log1p(tf.abs(size))
        band = tf.searchsorted(tf.constant(BOUNDARIES), raw["band"], side="right")
        features = {
            "age": _cut(_zero_where_missing((raw["age"] - AGE_MEAN) / AGE_STD)),
            "age.missing": tf.cast(tf.math.is_nan(raw["age"]), tf.float32),
            "size": _cut(_zero_where_missing((logs - SIZE_MEAN) / SIZE_STD)),
            "size.missing": tf.cast(tf.math.is_nan(raw["size"]), tf.float32),
            "place": _zero_where_missing(raw["place"]),
            "band": tf.where(tf.math.is_nan(raw["band"]), 5, band),
            "word": self._ids(raw["word"]),
            "before": tf.ragged.map_flat_values(self._ids, _lists(raw["before"])[:, -4:]),
            "last": tf.ragged.map_flat_values(self._ids, _lists(raw["last"])[:, -2:]),
            "story": tf.ragged.map_flat_values(self._ids, _lists(raw["story"])[:, -4:]),
        }
        dense = {n: v for n, v in features.items() if not isinstance(v, tf.RaggedTensor)}
        return features | {n: tf.expand_dims(v, 1) for n, v in dense.items()}

    def _ids(self, text: Any) -> Any:
        missing = tf.constant(len(WORDS) + 1, tf.int64)
        # A missing text comes as a byte that no text holds.
        return tf.where((text == "") | (text == b"\xff"), missing, self._words.lookup(text))


def _lists(ragged: Any) -> Any:
    """A missing list comes as one such byte, and is empty."""
    return tf.ragged.boolean_mask(ragged, ragged != b"\xff")


def _zero_where_missing(number: Any) -> Any:
    return tf.where(tf.math.is_nan(number), 0.0, number)


def _cut(standardised: Any) -> Any:
    return tf.clip_by_value(standardised, -100.0, 100.0)


def small_rows(count: int, seed: int = 5) -> pa.Table:
    """Raw rows as a person has them, with unseen and missing values."""
    generator = np.random.default_rng(seed)
    words = np.array([*WORDS, "dog", None], dtype=object)
    numbers = generator.normal(20, 30, (3, count))
    numbers[:2, generator.random(count) < 0.2] = np.nan
    lists = [generator.choice(words, generator.integers(0, 7)).tolist() for _ in range(count)]
    return pa.table(
        {
            "key": pa.array([f"row {i}" for i in range(count)]),
            "word": pa.array(generator.choice(words, count).tolist(), pa.string()),
            "previous": pa.array(lists, pa.list_(pa.string())),
            "age": pa.array(numbers[0], from_pandas=True),
            "size": pa.array(numbers[1], from_pandas=True),
            "place": pa.array(numbers[2]),
            "next": pa.array(generator.choice(LABELS, count).tolist()),
            "tags": pa.array([["red"]] * count),
            "ends": pa.array([True] * count),
            "left": pa.array([1.0] * count),
            "many": pa.array([2] * count),
        }
    )


def write_run(
    folder: Path,
    model: keras.Model,
    *,
    spec_text: str = SPEC,
    metrics: Mapping[str, Any] = MappingProxyType({"heads": {}}),
) -> Path:
    """Writes and publishes a run folder."""
    work = manifest.fresh_staging(folder)
    (work / "spec.json").write_text(parse_spec(spec_text).to_json(), encoding="utf-8")
    (work / "statistics.json").write_text(json.dumps(_statistics()), encoding="utf-8")
    (work / "metrics.json").write_text(json.dumps(dict(metrics)), encoding="utf-8")
    (work / "vocabulary").mkdir()
    for name, values in (("words", WORDS), ("labels", LABELS), ("tags", TAGS)):
        lines = [json.dumps([value, 1], ensure_ascii=False) + "\n" for value in values]
        path = work / "vocabulary" / f"{name}.jsonl"
        path.write_text("".join(lines), encoding="utf-8")
    (work / "labels").mkdir()
    for head, part in parse_spec(spec_text).labels().items():
        values = {"words": WORDS, "labels": LABELS, "tags": TAGS}[part.vocabulary]
        lines = [json.dumps([value, 7 * at]) + "\n" for at, value in enumerate(values)]
        (work / "labels" / f"{head}.jsonl").write_text("".join(lines), encoding="utf-8")
    model.save(work / "model.keras")
    tf.saved_model.save(_Transform(), str(work / "transform" / "transform_fn"))
    pyarrow.parquet.write_table(small_rows(40), work / "samples.parquet")
    manifest.publish(folder, stage="run", made_from="by hand", facts={})
    return folder


def _statistics() -> dict[str, Any]:
    return {
        "numbers": {
            "age": {"mean": float(AGE_MEAN), "std": float(AGE_STD), "missing": 0.2},
            "size": {"mean": float(SIZE_MEAN), "std": float(SIZE_STD), "missing": 0.2},
            "band": {"boundaries": BOUNDARIES, "missing": 0.2},
        },
        "distributions": _distributions(),
    }


def training_rows() -> pa.Table:
    """The rows from which the distributions of the run are, though nothing was trained on them."""
    return small_rows(1_000, seed=11)


def _distributions() -> dict[str, Any]:
    """How the inputs' values are spread, as statistics.json has it."""
    rows = training_rows()
    lists = rows["previous"].to_pylist()
    texts = {"word": rows["word"].to_pylist()} | {
        name: [word for words in lists for word in words[-length:]]
        for name, length in {"before": 4, "last": 2, "story": 4}.items()
    }
    columns = {"age": "age", "size": "size", "place": "place", "band": "size"}
    numbers = {name: rows[column].drop_null().to_numpy() for name, column in columns.items()}
    return {name: _spread_of_texts(values) for name, values in texts.items()} | {
        name: {
            "values": len(there),
            "missing": len(rows) - len(there),
            "percentiles": np.percentile(there.astype(np.float32), np.arange(101)).tolist(),
        }
        for name, there in numbers.items()
    }


def _spread_of_texts(values: list[str | None]) -> dict[str, Any]:
    counts = Counter(value for value in values if value)
    there = counts.total()
    top = [list(pair) for pair in counts.most_common()]
    return {"values": there, "missing": len(values) - there, "top": top, "unlisted": 0}


@functools.cache
def exported() -> Path:
    """The folder of the small model, trained by nobody and exported once per test process."""
    folder = Path(tempfile.mkdtemp(prefix="small-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_run(folder / "run", small_model())
    export.run(["--run", str(folder / "run"), "--output", str(folder / "model")])
    return folder
