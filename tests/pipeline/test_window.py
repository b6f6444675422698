"""A window of time: what is prepared is what would be if the files outside were not there."""

import argparse
import datetime
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.prepare import prepare, run
from pipeline.preparing.window import window_of
from pipeline.spec.file import parse_spec

SPEC = parse_spec("""
name: days
vocabularies: {word: {min_count: 2}, label: {}}
inputs: {word: {kind: category, vocabulary: word}, size: {kind: number}}
memory: {by_word: {of: [word]}}
heads: {label: {kind: classification, vocabulary: label, memory: [by_word]}}
split: {by: time, column: at, eval: 0.2, test: 0}
""")
FIRST = datetime.datetime(2024, 1, 1)


def day(folder: Path, number: int, form: str) -> str:
    """A file of the rows of a day, most of whose words are of that day."""
    draw = np.random.default_rng(number)
    rows = 60
    at = [FIRST + datetime.timedelta(number, int(s)) for s in draw.integers(0, 86_400, rows)]
    table = pa.table(
        {
            "at": [one.isoformat(sep=" ") for one in at],
            "word": [f"w{number + x}" for x in draw.integers(0, 4, rows)],
            "size": draw.normal(number, 1, rows),
            "label": [f"l{x}" for x in draw.integers(0, 3, rows)],
        }
    )
    path = folder / f"{number:02}.{form}"
    (pq.write_table if form == "parquet" else pyarrow.csv.write_csv)(table, path)
    return str(path)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("days")
    return [day(folder, n, "csv" if n % 2 else "parquet") for n in range(10)]


def files(folder: Path) -> dict[str, object]:
    """What a folder holds, by name, as the manifest has checked it. The graph has ids of its own,
    and an example may list its features in any order."""
    names = DataFolder(folder).verified().manifest.files
    ours = (name for name in names if not name.startswith(("transform/", "examples/")))
    return {name: names[name] for name in ours}


def examples(folder: Path, side: str) -> list[str]:
    """The examples of a side in some order that is always the same."""
    records = tf.data.TFRecordDataset(DataFolder(folder).files(side), "GZIP")
    found = (tf.train.Example.FromString(one.numpy()).features.feature for one in records)
    return sorted(str(sorted((n, str(one[n])) for n in one)) for one in found)


@pytest.mark.parametrize("extended", [False, True])
def test_a_window_is_as_if_older_files_were_not_there(
    days: list[str], tmp_path: Path, *, extended: bool
) -> None:
    cache, earlier = tmp_path / "cache", None
    prepare(SPEC, days[:8], tmp_path / "all", cache=cache)
    earlier = tmp_path / "all" if extended else None
    said = window_of("4d")
    prepare(SPEC, days, tmp_path / "window", cache=cache, window=said, extend=earlier)
    # The newest row is of the last day, so four days reach into a fifth.
    prepare(SPEC, days[5:], tmp_path / "anew", extend=earlier)
    assert files(tmp_path / "window") == files(tmp_path / "anew")
    for side in ("train", "eval"):
        window, anew = (examples(tmp_path / of, side) for of in ("window", "anew"))
        assert window == anew
    words = DataFolder(tmp_path / "window").vocabulary("word")
    assert ("w0" in words) == extended
    if extended:
        before = DataFolder(tmp_path / "all").vocabulary("word")
        assert list(words)[: len(before)] == list(before)
        assert words["w0"] == 0


def test_rows_need_a_time(days: list[str], tmp_path: Path) -> None:
    said = SPEC.model_dump(mode="json") | {"split": {"by": "hash", "columns": ["word"]}}
    spec = parse_spec(json.dumps(said))
    with pytest.raises(Failure, match="--window COLUMN=90d") as failure:
        prepare(spec, days, tmp_path / "out", window=window_of("4d"))
    assert failure.value.exit_code == Exit.USAGE
    with pytest.raises(Failure, match="a day or a time in the column 'label'"):
        prepare(spec, days, tmp_path / "out", window=window_of("label=4d"))


@pytest.mark.parametrize("text", ["90", "0d", "-3d", "4 d", "d", "=4d"])
def test_a_window_is_a_number_of_hours_days_or_weeks(text: str) -> None:
    with pytest.raises(ValueError, match="such as 36h"):
        window_of(text)


def test_the_command_says_what_a_window_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((SystemExit, argparse.ArgumentError)):
        run(["--spec", "s", "--input", "i", "--output", "o", "--window", "soon"])
    assert "must be a number of hours, days or weeks" in capsys.readouterr().err
