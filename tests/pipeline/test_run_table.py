"""The table at the end of a run says what each stage did, and on how many rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.run_table import Finished, published, table
from pipeline.manifest import fresh_staging, publish, write_text


def publish_folder(folder: Path) -> None:
    write_text(fresh_staging(folder) / "file", "text")
    examples = {"train": 8_000, "eval": 1_000, "test": 1_000}
    publish(folder, stage=folder.name, made_from="tests", facts={"examples": examples})


def test_every_stage_has_its_rows_and_says_whether_it_made_its_result(tmp_path: Path) -> None:
    data, run, scores = tmp_path / "data", tmp_path / "run", tmp_path / "scores.parquet"
    publish_folder(data)
    publish_folder(run)
    pq.write_table(pa.table({"id": list(range(7))}), scores)
    stages = [
        Finished("prepare", data, 61.0, made=True),
        Finished("train", run, 0.4, made=False),
        Finished("export", tmp_path / "model", 5.0, made=True),
        Finished("score", scores, 2.0, made=True),
    ]
    header, *lines, total = table(stages).splitlines()
    assert total.split() == ["all", "1:08"]
    assert header.split() == ["stage", "rows", "time", "result", "path"]
    assert [line.split()[:3] for line in lines] == [
        ["prepare", "10,000", "1:01"],
        ["train", "8,000", "0:00"],
        ["export", "-", "0:05"],
        ["score", "7", "0:02"],
    ]
    assert ["up to date" in line for line in lines] == [False, True, False, False]
    assert [line.split()[-1] for line in lines] == [str(done.result) for done in stages]


def test_a_result_that_is_replaced_is_seen(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert published(data) is None
    publish_folder(data)
    first = published(data)
    assert first is not None and published(data) == first
    (data / "file").write_text("other")
    assert published(data) == first
    publish_folder(data)
    assert published(data) != first
