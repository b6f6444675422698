"""tf.Transform over the rows of the prepare benchmark, in the style of its census example.

    python -m benchmarks.prepare_tft_example OUTPUT FILE...

Rows are dictionaries, vocabularies and means are tf.Transform's own analyzers, examples are
encoded and written one by one.
"""

import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from benchmarks.prepare_rows import NUMBERS, VOCABULARIES

TEXTS = ("first", "second", "label")
RAW = {
    "tokens": tf.io.VarLenFeature(tf.string),
    **{name: tf.io.FixedLenFeature([], tf.string) for name in TEXTS},
    **{name: tf.io.FixedLenFeature([], tf.float32) for name in (*NUMBERS, "flag")},
}
SIDES = ("train", "eval", "test")


def preprocess(raw: dict[str, Any]) -> dict[str, Any]:
    both = tf.concat([raw["tokens"].values, raw["first"], raw["second"]], axis=0)
    size = VOCABULARIES["token"][1]
    tokens = tft.vocabulary(both, top_k=size, vocab_filename="token")
    labels = VOCABULARIES["label"][1]
    outputs = {
        name: tft.apply_vocabulary(raw[name], tokens, num_oov_buckets=1)
        for name in ("tokens", "first", "second")
    }
    outputs["label"] = tft.compute_and_apply_vocabulary(
        raw["label"], top_k=labels, frequency_threshold=2, num_oov_buckets=1
    )
    outputs |= {name: tft.scale_to_z_score(raw[name]) for name in NUMBERS}
    return outputs | {"flag": raw["flag"]}


def dictionaries(path: str, side: str) -> Iterator[dict[str, Any]]:
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                place = zlib.crc32(row.pop("group").encode()) % 10
                if ("test" if place == 0 else "eval" if place == 1 else "train") == side:
                    yield {**row, "flag": float(row["flag"])}


def run(output: Path, paths: Sequence[str]) -> None:
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(RAW))
    with (
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
        tft_beam.Context(temp_dir=str(output / "temp")),
    ):
        files = pipeline | beam.Create(paths)
        rows = {side: files | f"Read {side}" >> beam.FlatMap(dictionaries, side) for side in SIDES}
        graph = (rows["train"], metadata) | tft_beam.AnalyzeDataset(preprocess)
        for side in SIDES:
            transform = f"Transform {side}" >> tft_beam.TransformDataset()
            transformed, made = ((rows[side], metadata), graph) | transform
            encode = tft.coders.ExampleProtoCoder(made.schema).encode
            name = str(output / f"{side}.gz")
            write = beam.io.WriteToTFRecord(name, file_name_suffix=".gz")
            _ = transformed | f"Encode {side}" >> beam.Map(encode) | f"Write {side}" >> write
        _ = graph | tft_beam.WriteTransformFn(str(output / "graph"))


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
