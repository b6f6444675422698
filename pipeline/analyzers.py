"""What was learned, as tf.Transform's analyzers: how it gets into the transform graph.

tf.Transform would give each analyzer the values of a tensor for every row. Ours are learned from
the Arrow columns already (pipeline.learning) and only hand it over, so the rows that tf.Transform
sees are one empty row. The graph it writes is complete all the same: tables, means, boundaries.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam.experimental as tft_beam_experimental

from pipeline.learning import Learned

# TensorFlow cannot make a table of nothing. No text holds these bytes.
NO_VALUE, UNKNOWN_VALUE = b"\xff\xff", b"\xff"
Table = Callable[[Any], Any]


class _HandOver(tft_beam_experimental.PTransformAnalyzer):
    """Takes its result from what was learned, whatever the rows that tf.Transform gives it."""

    def __init__(self, learned: Any, found: Callable[[Learned, str], Any]) -> None:
        super().__init__()
        self._learned, self._found = learned, found

    def expand(self, _: Any) -> Any:
        return self._learned | "HandOver" >> beam.Map(self._found, self.base_temp_dir)


def moments(learned: Any, tensor: Any, numbers: int) -> Any:
    """float32 [2, numbers]: mean and deviation of each. `tensor` is any that depends on a row."""
    return _numbers(learned, lambda found, _: found.moments, tensor, [2, numbers])


def boundaries(learned: Any, tensor: Any, name: str) -> Any:
    """float32 [at most buckets - 1], rising: the values at which a next bucket starts."""
    return _numbers(learned, lambda found, _: found.boundaries[name], tensor, [None])


def _numbers(
    learned: Any, found: Callable[[Learned, str], Any], tensor: Any, shape: Sequence[int | None]
) -> Any:
    (numbers,) = tft.experimental.ptransform_analyzer(
        inputs=[tensor],
        ptransform=_HandOver(learned, found),
        output_dtypes=[tf.float32],
        output_shapes=[shape],
    )
    return numbers


def learned_vocabulary(learned: Any, tensor: Any, name: str) -> Table:
    """The look-up in a vocabulary; its file is an asset of the graph."""
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[tensor],
        ptransform=_HandOver(
            learned,
            lambda found, folder: write_values(
                found.entries[name].values.to_pylist(), folder, name
            ),
        ),
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


def looked_up(table: Table, texts: Sequence[Any]) -> tuple[list[Any], Any]:
    """int64 ids of several string tensors [n], and the number of entries.

    That number is also the id of every value that has none of its own. One look-up for all: each
    one more would add a table to the graph and a second to its start.
    """
    ids = table(tf.concat([*texts, [UNKNOWN_VALUE]], axis=0))
    *parts, size = tf.split(ids, [*(tf.size(text) for text in texts), 1])
    return parts, size[0]


def write_values(values: Sequence[str], folder: str, name: str) -> str:
    """A gzip TFRecord of the values: the one format of tf.Transform that keeps any value."""
    path = str(Path(folder) / f"{name}.tfrecord.gz")
    tf.io.gfile.makedirs(folder)
    _write_records(path, [value.encode() for value in values] or [NO_VALUE])
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
