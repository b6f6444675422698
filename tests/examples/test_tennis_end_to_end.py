"""Tennis, the second real set: every kind of feature and target, many of them missing."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, trained_for, words

from examples.tennis import rows
from pipeline.spec.file import read_spec

ARCHIVES = Path(__file__).parents[3] / "shared" / "data" / "tennis"
SPEC = Path(rows.__file__).with_name("spec.yaml")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not ARCHIVES.is_dir():
        pytest.skip("the tennis archives are not here: ../shared/data/tennis")
    folder = tmp_path_factory.mktemp("tennis")
    rows.run(words("--archives", ARCHIVES, "--output", folder / "all.parquet", "--since", "2021"))
    table = pq.read_table(folder / "all.parquet")
    few = table.filter(np.arange(table.num_rows) % 4 < 2)
    spec = trained_for(read_spec(SPEC), epochs=2, batch_size=256)
    return through_all_stages(spec, few, folder / "out")


def test_real_dirt_goes_through_and_every_match_is_scored(output: Path) -> None:
    counted = read_json(output / "data" / "statistics.json")
    assert counted["rows"]["rejected"] == 0
    assert counted["heads"]["minutes"]["train"]["missing"] > 0.05
    table, scores = (pq.read_table(output / f"{name}.parquet") for name in ("rows", "scores"))
    assert scores.select(["match", "player"]).equals(table.select(["match", "player"]))


def test_the_surface_is_told_better_than_by_always_saying_hard(output: Path) -> None:
    metrics = read_json(output / "run" / "metrics.json")
    constant = metrics["baselines"]["surface"]["constant"]["test"]
    assert metrics["test"]["surface"]["log_loss"] < 0.8 * constant["log_loss"]


def test_missing_minutes_are_no_reason_not_to_predict_them(output: Path) -> None:
    minutes = pq.read_table(output / "scores.parquet")["minutes.value"].to_numpy()
    assert np.isfinite(minutes).all()
    assert 60 < np.median(minutes) < 150
