"""The rows of the prepare benchmark: ten tokens, three ids, two numbers, one flag, one group.

Values are drawn as words are, a few of them often and most of them rarely (Zipf, exponent 1.2).
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

ROWS_PER_FILE = 50_000
TOKENS, TOKEN_VALUES, ID_VALUES, GROUPS = 10, 60_000, 40_000, 5_000

SPEC = """
name: benchmark
vocabularies:
  token: {size: 10_000}
  label: {size: 25_000, min_count: 2}
inputs:
  tokens: {kind: sequence, vocabulary: token, length: 10}
  first: {kind: category, vocabulary: token}
  second: {kind: category, vocabulary: token}
  size: {kind: number, missing: reject}
  price: {kind: number, missing: reject}
heads:
  label: {kind: classification, vocabulary: label}
  flag: {kind: binary}
split: {by: hash, columns: [group], eval: 0.1, test: 0.1}
"""
VOCABULARIES = {"token": (["tokens", "first", "second"], 10_000), "label": (["label"], 25_000)}
NUMBERS = ("size", "price")


def write_files(folder: Path, rows: int) -> list[Path]:
    """At least `rows` rows in files of ROWS_PER_FILE."""
    folder.mkdir(parents=True)
    paths = []
    for at in range(-(-rows // ROWS_PER_FILE)):
        paths.append(folder / f"part-{at:05d}.parquet")
        pyarrow.parquet.write_table(table(at), paths[-1])
    return paths


def table(seed: int) -> pa.Table:
    """ROWS_PER_FILE rows, the same for the same seed."""
    random = np.random.default_rng(seed)
    count = ROWS_PER_FILE
    tokens = texts_of("token", _zipf(random, TOKEN_VALUES, count * TOKENS))
    offsets = pa.array(np.arange(0, count * TOKENS + 1, TOKENS, dtype=np.int32))
    return pa.table(
        {
            "tokens": pa.ListArray.from_arrays(offsets, tokens),
            "first": texts_of("token", _zipf(random, TOKEN_VALUES, count)),
            "second": texts_of("token", _zipf(random, TOKEN_VALUES, count)),
            "label": texts_of("label", _zipf(random, ID_VALUES, count)),
            "group": texts_of("group", random.integers(0, GROUPS, count)),
            "size": pa.array(random.normal(100, 15, count)),
            "price": pa.array(random.lognormal(3, 1, count)),
            "flag": pa.array(random.random(count) < 0.3),
        }
    )


def _zipf(random: np.random.Generator, values: int, count: int) -> npt.NDArray[np.int64]:
    weights = np.arange(1, values + 1) ** -1.2
    return np.searchsorted(np.cumsum(weights / weights.sum()), random.random(count))


def texts_of(prefix: str, numbers: npt.NDArray[np.int64]) -> pa.Array:
    """Each number as a text of its own."""
    distinct, places = np.unique(numbers, return_inverse=True)
    return pa.array([f"{prefix}{number}" for number in distinct]).take(pa.array(places))
