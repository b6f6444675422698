"""Plain pyarrow and numpy over the rows of the prepare benchmark, with nothing between the calls.

    python -m benchmarks.prepare_arrow OUTPUT FILE...

No rejected rows, no statistics, no transform graph, no manifest: what the work itself costs.
"""

import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import tensorflow as tf
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from benchmarks.prepare_rows import NUMBERS, VOCABULARIES

SIDES = ("train", "eval", "test")
BATCH_ROWS = 32_768
FAST = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


def batches(paths: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, Any]]:
    """(rows, int8 [rows] side)."""
    for path in paths:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield batch, side_of(batch["group"])


def side_of(groups: pa.Array) -> Any:
    """By a hash of each distinct text."""
    encoded = groups.dictionary_encode()
    hashes = [zlib.crc32(text.encode()) % 10 for text in encoded.dictionary.to_pylist()]
    places = np.array(hashes, np.int8)[encoded.indices.to_numpy()]
    return np.where(places == 0, 2, np.where(places == 1, 1, 0))


def values_of(batch: pa.RecordBatch, names: Sequence[str]) -> pa.Array:
    columns = [batch[name] for name in names]
    return pa.concat_arrays([c.flatten() if pa.types.is_list(c.type) else c for c in columns])


def learned(paths: Sequence[str]) -> tuple[dict[str, pa.Array], Any, Any]:
    """The values of each vocabulary in the order of their ids; means; deviations."""
    counts: dict[str, list[pa.Table]] = {name: [] for name in VOCABULARIES}
    sums = np.zeros((3, len(NUMBERS)))
    for batch, side in batches(paths):
        rows = batch.filter(pa.array(side == 0))
        for name, (columns, _) in VOCABULARIES.items():
            counts[name].append(pa.Table.from_struct_array(values_of(rows, columns).value_counts()))
        numbers = np.stack([rows[name].to_numpy() for name in NUMBERS])
        sums += [np.full(len(NUMBERS), rows.num_rows), numbers.sum(1), (numbers**2).sum(1)]
    mean = sums[1] / sums[0]
    std = np.sqrt(sums[2] / sums[0] - mean**2)
    return (
        {name: most_frequent(counts[name], s) for name, (_, s) in VOCABULARIES.items()},
        mean,
        std,
    )


def most_frequent(parts: list[pa.Table], size: int) -> pa.Array:
    table = pa.concat_tables(parts).group_by("values").aggregate([("counts", "sum")])
    order = [("counts_sum", "descending"), ("values", "ascending")]
    return table.sort_by(order)["values"][:size].combine_chunks()


def features(batch: pa.RecordBatch, entries: dict[str, pa.Array], mean: Any, std: Any) -> Any:
    def ids(name: str, vocabulary: str) -> pa.Array:
        values = batch[name].flatten() if name == "tokens" else batch[name]
        found = pc.index_in(values, entries[vocabulary]).cast(pa.int64())
        return pc.fill_null(found, len(entries[vocabulary]))

    def one_each(values: pa.Array) -> pa.Array:
        offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, values)

    numbers = {
        name: one_each(pa.array(((batch[name].to_numpy() - m) / s).astype(np.float32)))
        for name, m, s in zip(NUMBERS, mean, std, strict=True)
    }
    columns = {
        "tokens": pa.ListArray.from_arrays(batch["tokens"].offsets, ids("tokens", "token")),
        "first": one_each(ids("first", "token")),
        "second": one_each(ids("second", "token")),
        "label": one_each(ids("label", "label")),
        "flag": one_each(batch["flag"].cast(pa.float32())),
        **numbers,
    }
    return pa.RecordBatch.from_pydict(columns)


def write(output: Path, found: Iterator[tuple[pa.RecordBatch, Any]]) -> None:
    """Batches of features and their sides to one gzip TFRecord a side."""
    output.mkdir(parents=True)
    encoder = RecordBatchToExamplesEncoder()
    files = [tf.io.TFRecordWriter(str(output / f"{side}.gz"), FAST) for side in SIDES]
    for rows, sides in found:
        for side, file in enumerate(files):
            for record in encoder.encode(rows.filter(pa.array(sides == side))):
                file.write(record)
    for file in files:
        file.close()


if __name__ == "__main__":
    entries, mean, std = learned(sys.argv[2:])
    made = ((features(rows, entries, mean, std), side) for rows, side in batches(sys.argv[2:]))
    write(Path(sys.argv[1]), made)
