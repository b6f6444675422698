"""Rows of what people drink, and a run of all stages over the first of them, for updates."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from chain import words

from pipeline import prepare
from pipeline.sides import TRAIN, by_hash
from serving import export
from trainer import task

SPEC = """
name: drinks
keys: [row]
vocabularies: {person: {size: 500}, drink: {size: 50}}
shared: {common: {units: 8}}
inputs:
  person: {kind: category, vocabulary: person, embedding: 8, through: common}
  hour: {kind: number}
heads:
  drink: {kind: classification, vocabulary: drink}
  cold: {kind: binary}
trunk: {layers: [16]}
split: {by: hash, columns: [row], eval: 0.1, test: 0.3}
training: {epochs: 9, batch_size: 32, learning_rate: 0.03}
"""
SHARES = 0.1, 0.3
DRINKS = np.array(["tea", "coffee", "milk", "water"])


def rows(start: int, count: int, people: int) -> pa.Table:
    """What a person drinks follows from who it is, most of the time; the last five have juice."""
    draw = np.random.default_rng(start)
    person = draw.integers(people, size=count)
    drink = np.where(draw.random(count) < 0.8, person % 4, draw.integers(4, size=count))
    return pa.table(
        {
            "row": [f"r{i}" for i in range(start, start + count)],
            "person": [f"p{i}" for i in person],
            "hour": draw.integers(24, size=count),
            "drink": np.where((person >= 45) & (drink == 0), "juice", DRINKS[drink]),
            "cold": drink >= 2,
        }
    )


def wrong_rows() -> pa.Table:
    """Rows to learn from, none of them held out, that say the opposite."""
    table = rows(2_000, 4_000, 50)
    table = table.filter(pa.array(by_hash([table["row"].combine_chunks()], *SHARES) == TRAIN))
    table = table.filter(pc.not_equal(table["drink"], "juice"))
    own = pc.index_in(table["drink"], value_set=pa.array(DRINKS)).to_numpy()
    drink = pa.array(DRINKS[::-1][own])
    return table.set_column(3, "drink", drink)


@functools.cache
def first_run() -> Path:
    """A folder with rows, and OUT as a run leaves it; made once per test process."""
    folder = Path(tempfile.mkdtemp(prefix="drinks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, table in (
        ("rows/a.csv", rows(0, 1_500, 40)),
        ("new/b.csv", rows(1_500, 500, 50)),
        ("wrong/c.csv", wrong_rows()),
    ):
        (folder / name).parent.mkdir()
        pyarrow.csv.write_csv(table, folder / name)
    (folder / "spec.yaml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as inside:
        inside.chdir(folder)
        prepare.run(words("--spec", "spec.yaml", "--input", "rows/a.csv", "--output", "OUT/data"))
        task.run(words("--data", "OUT/data", "--output", "OUT/run"))
        export.run(words("--run", "OUT/run", "--output", "OUT/model"))
    return folder
