"""Polars over the rows of the prepare benchmark: it counts and looks up, pyarrow's encoder writes.

python -m benchmarks.prepare_polars OUTPUT FILE...
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.prepare_arrow import side_of, write
from benchmarks.prepare_rows import NUMBERS, VOCABULARIES


def frames(paths: Sequence[str]) -> Iterator[tuple[pl.DataFrame, Any]]:
    for path in paths:
        rows = pl.read_parquet(path)
        yield rows, side_of(rows["group"].to_arrow().cast(pa.string()))


def values_of(rows: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    columns = [rows[n].explode() if rows[n].dtype == pl.List else rows[n] for n in names]
    return pl.concat([column.alias("value") for column in columns])


def learned(paths: Sequence[str]) -> tuple[dict[str, pl.DataFrame], Any]:
    """value and id of each vocabulary; mean and deviation of each number."""
    counts: dict[str, list[pl.DataFrame]] = {name: [] for name in VOCABULARIES}
    numbers = []
    for rows, side in frames(paths):
        train = rows.filter(pl.Series(side == 0))
        for name, (columns, _) in VOCABULARIES.items():
            counts[name].append(values_of(train, columns).value_counts())
        numbers.append(train.select(NUMBERS))
    joined = pl.concat(numbers)
    entries = {
        name: pl.concat(counts[name])
        .group_by("value")
        .agg(pl.col("count").sum())
        .sort(["count", "value"], descending=[True, False])
        .head(size)
        .with_row_index("id")
        for name, (_, size) in VOCABULARIES.items()
    }
    return entries, {name: (joined[name].mean(), joined[name].std()) for name in NUMBERS}


def features(rows: pl.DataFrame, entries: dict[str, pl.DataFrame], numbers: Any) -> pa.RecordBatch:
    def ids(column: str, vocabulary: str) -> pa.Array:
        values = values_of(rows, [column])
        table = entries[vocabulary]
        found = values.replace_strict(
            table["value"], table["id"].cast(pl.Int64), default=len(table), return_dtype=pl.Int64
        )
        return found.to_arrow()

    def one_each(values: pa.Array, width: int = 1) -> pa.Array:
        offsets = np.arange(0, len(values) + 1, width, dtype=np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values)

    columns = {name: one_each(ids(name, "token")) for name in ("first", "second")}
    columns["tokens"] = one_each(ids("tokens", "token"), 10)
    columns["label"] = one_each(ids("label", "label"))
    columns["flag"] = one_each(rows["flag"].cast(pl.Float32).to_arrow())
    for name, (mean, std) in numbers.items():
        columns[name] = one_each(((rows[name] - mean) / std).cast(pl.Float32).to_arrow())
    return pa.RecordBatch.from_pydict(columns)


if __name__ == "__main__":
    entries, numbers = learned(sys.argv[2:])
    made = ((features(rows, entries, numbers), side) for rows, side in frames(sys.argv[2:]))
    write(Path(sys.argv[1]), made)
