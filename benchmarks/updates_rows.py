"""The tables of benchmarks.updates, in order of time: a first base, then a file for each week."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

# What a spec needs beside its inputs and heads. Held-out rows stay held out, as a hash decides.
# Training is what `training: auto` begins with, for about so many rows.
AROUND = """
keys: [row]
trunk: {layers: [128], dropout: 0.2}
split: {by: hash, columns: [row], eval: 0.1, test: 0.1}
training:
  {epochs: 6, batch_size: 128, patience: 2, learning_rate: 0.005, schedule: linear,
   warmup_steps: 50, weight_decay: 0.3}
"""
SPECS = {
    "scorers": """
name: scorers
vocabularies: {team: {}, scorer: {min_count: 5}}
inputs:
  team: {kind: category, vocabulary: team}
  opponent: {kind: category, vocabulary: team}
  at_home: {kind: flag}
heads: {scorer: {kind: classification, vocabulary: scorer}}
""",
    "ratings": """
name: ratings
vocabularies: {user: {}, movie: {}}
inputs:
  user: {kind: category, vocabulary: user}
  movie: {kind: category, vocabulary: movie}
heads: {rating: {kind: regression}}
""",
    "tags": """
name: tags
vocabularies: {user: {}, artist: {min_count: 2}, tag: {min_count: 5}}
inputs:
  user: {kind: category, vocabulary: user}
  artist: {kind: category, vocabulary: artist}
heads: {tag: {kind: classification, vocabulary: tag}}
""",
}
TIMES = {"scorers": "date", "ratings": "when", "tags": "date"}
MADE_UP = "made_up"


class Weeks(NamedTuple):
    """The spec of a table, and its files: `base`, and one for each week that follows."""

    name: str
    spec: str
    base: pa.Table
    weeks: list[pa.Table]


def tables(folder: Path | None, weeks: int, base: float) -> Iterator[Weeks]:
    """Those whose files are in a folder; without one, made-up rows."""
    if folder is None:
        yield cut(MADE_UP, SPECS["tags"] + AROUND, made_up(20_000), weeks, base)
        return
    for name, spec in SPECS.items():
        file = folder / f"{name}.csv"
        if file.exists():
            yield cut(name, spec + AROUND, in_order(file, TIMES[name]), weeks, base)


def cut(name: str, spec: str, rows: pa.Table, weeks: int, base: float) -> Weeks:
    """The first share of the rows is the base; the weeks have as many rows each, and no more and no
    less than the rest of them."""
    first = int(base * rows.num_rows)
    ends = np.linspace(first, rows.num_rows, weeks + 1).astype(int)
    parts = [rows.slice(a, b - a) for a, b in pairwise(ends)]
    return Weeks(name, spec, rows.slice(0, first), parts)


def in_order(file: Path, time: str) -> pa.Table:
    """The rows of a CSV file by their time, oldest first and numbered; all values are texts."""
    header = pyarrow.csv.open_csv(file).schema.names
    texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()))
    table = pyarrow.csv.read_csv(file, convert_options=texts)
    order = np.argsort(table[time].to_numpy(), kind="stable")
    return numbered(table.take(pa.array(order)))


def numbered(rows: pa.Table, first: int = 0) -> pa.Table:
    """The rows with their numbers, from the first on, as the column that the split hashes."""
    numbers = np.arange(first, first + rows.num_rows)
    return rows.append_column("row", pc.cast(pa.array(numbers), pa.string()))


def made_up(count: int) -> pa.Table:
    """Tags of artists by users: both come anew all the time, and an artist has tags of its own."""
    draw = np.random.default_rng(7)
    there = 50 + np.arange(count) // 40
    user, artist = ((draw.random(count) ** 2 * there).astype(int) for _ in range(2))
    tag = np.where(draw.random(count) < 0.7, artist % 20, draw.integers(0, 20, count))
    columns = {"user": user, "artist": artist, "tag": tag}
    table = {name: [f"{name} {value}" for value in found] for name, found in columns.items()}
    return numbered(pa.table(table))
