"""Counting the values of a vocabulary: an analyzer for tf.Transform that counts a batch at a time.

Ids go by falling count, and equal counts by the value's bytes, so the same rows give the same ids
on any engine. Values may hold anything, newlines and nothing at all included. All distinct values
are in memory at some moment, the `size` most frequent are kept.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import apache_beam as beam
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam.experimental as tft_beam_experimental

# Counts wait as they came until there are this many, then equal values are added up.
COMPACT_AT = 1 << 18
# TensorFlow cannot make a table of nothing. No text holds these bytes.
NO_VALUE, UNKNOWN_VALUE = b"\xff\xff", b"\xff"
_SCHEMA = pa.schema([("value", pa.binary()), ("count", pa.int64())])
Counts: TypeAlias = pa.Table


def counted(values: npt.NDArray[Any] | list[bytes]) -> Counts:
    """The distinct values of a batch and how often each is there."""
    found = pa.array(values, pa.binary()).value_counts()
    return pa.table([found.field("values"), found.field("counts")], schema=_SCHEMA)


def added(parts: Iterable[Counts]) -> Counts:
    """One row per value, with the sum of its counts."""
    table = pa.concat_tables([_SCHEMA.empty_table(), *parts])
    return table.group_by("value").aggregate([("count", "sum")]).rename_columns(_SCHEMA.names)


def chosen(counts: Counts, size: int, min_count: int) -> Counts:
    """The entries of the vocabulary, in the order of their ids.

    >>> counts = counted([b"b", b"a", b"c", b"c"])
    >>> chosen(counts, size=2, min_count=1).to_pydict()
    {'value': [b'c', b'a'], 'count': [2, 1]}
    """
    frequent = counts.filter(pc.greater_equal(counts["count"], min_count))
    order = pc.sort_indices(frequent, [("count", "descending"), ("value", "ascending")])
    return frequent.take(order[:size]).combine_chunks()


class CountValues(beam.CombineFn):
    """Arrays of values to their counts."""

    def create_accumulator(self) -> list[Counts]:
        return []

    def add_input(self, parts: list[Counts], batch: tuple[npt.NDArray[Any]]) -> list[Counts]:
        return _compacted([*parts, counted(batch[0])])

    def merge_accumulators(self, many: Iterable[list[Counts]]) -> list[Counts]:
        return _compacted([part for parts in many for part in parts])

    def compact(self, parts: list[Counts]) -> list[Counts]:
        return [added(parts)]

    def extract_output(self, parts: list[Counts]) -> Counts:
        return added(parts)


def _compacted(parts: list[Counts]) -> list[Counts]:
    """Adds up what is new once it is much, or more than what was added up before."""
    new = sum(part.num_rows for part in parts[1:])
    if new > max(COMPACT_AT, parts[0].num_rows if parts else 0):
        return [added(parts)]
    return parts


class CountVocabulary(tft_beam_experimental.PTransformAnalyzer):
    """Batches of values to the path of the vocabulary's file, an asset of the transform graph.

    Values and counts go to `folder`/<name>.jsonl as well.
    """

    def __init__(self, name: str, size: int, min_count: int, folder: str) -> None:
        super().__init__()
        self._name, self._size, self._min_count, self._folder = name, size, min_count, folder

    def expand(self, batches: Any) -> Any:
        return (
            batches
            | "Count" >> beam.CombineGlobally(CountValues())
            | "Choose" >> beam.Map(chosen, self._size, self._min_count)
            | "WriteCounts" >> beam.Map(write_counts, self._folder, self._name)
            | "WriteValues" >> beam.Map(write_values, self.base_temp_dir, self._name)
        )


def write_values(entries: Counts, folder: str, name: str) -> str:
    """A gzip TFRecord of the values: the one format of tf.Transform that keeps any value."""
    path = str(Path(folder) / f"{name}.tfrecord.gz")
    tf.io.gfile.makedirs(folder)
    _write_records(path, entries["value"].to_pylist() or [NO_VALUE])
    return path


def _write_records(path: str, values: Iterable[bytes]) -> None:
    with tf.io.TFRecordWriter(path, "GZIP") as file:
        for value in values:
            file.write(value)


def _nothing() -> bytes:
    """The file of a vocabulary without entries: the graph has it until the values are counted."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "nothing")
        _write_records(path, [NO_VALUE])
        return Path(path).read_bytes()


def write_counts(entries: Counts, folder: str, name: str) -> Counts:
    """JSON lines of [value, count], for people and for the other stages. Gives the entries on."""
    path = str(Path(folder) / f"{name}.jsonl")
    pairs = zip(entries["value"].to_pylist(), entries["count"].to_pylist(), strict=True)
    lines = [json.dumps([value.decode(), count], ensure_ascii=False) for value, count in pairs]
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("".join(line + "\n" for line in lines))
    return entries


Table = Callable[[Any], Any]


def looked_up(table: Table, texts: Sequence[Any]) -> tuple[list[Any], Any]:
    """int64 ids of several string tensors [n], and the number of entries.

    That number is also the id of every value that has none of its own. One look-up for all: each
    one more would add a table to the graph and a second to its start.
    """
    ids = table(tf.concat([*texts, [UNKNOWN_VALUE]], axis=0))
    *parts, size = tf.split(ids, [*(tf.size(text) for text in texts), 1])
    return parts, size[0]


def counted_vocabulary(name: str, values: Any, size: int, min_count: int, folder: str) -> Table:
    """A vocabulary of the most frequent of `values`, a string tensor [n]."""
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[values],
        ptransform=CountVocabulary(name, size, min_count, folder),
        output_dtypes=[tf.string],
        output_shapes=[[]],
        output_asset_default_values=[_nothing()],
        name=f"vocabulary_{name}",
    )

    def table(texts: Any) -> Any:
        return tft.apply_vocabulary(texts, path, num_oov_buckets=1, file_format="tfrecord_gzip")

    return table


def given_vocabulary(name: str, values: tuple[str, ...]) -> Table:
    """A vocabulary of exactly these values, whatever the data hold."""
    table = tft.make_and_track_object(
        lambda: tf.lookup.StaticVocabularyTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant([v.encode() for v in values], tf.string),
                tf.range(len(values), dtype=tf.int64),
            ),
            num_oov_buckets=1,
        ),
        name=f"vocabulary_{name}",
    )
    lookup: Table = table.lookup
    return lookup
