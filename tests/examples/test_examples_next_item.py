"""The next item: rows from events or made up, through all stages."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, trained_for, words

from examples.next_item import rows
from pipeline.failures import Failure
from pipeline.spec.file import read_spec
from serving.scorer import Scorer

SPEC = Path(rows.__file__).with_name("spec.yaml")


def test_events_become_a_list_for_each_user_in_the_order_of_their_times(tmp_path: Path) -> None:
    events, output = tmp_path / "events.csv", tmp_path / "users.parquet"
    lines = [
        "user,item,time",
        "7,x,2020-01-02",
        "8,y,2020-01-01",
        "7,z,2020-01-01",
        "7,w,2020-01-01",
    ]
    events.write_text("\n".join(lines), encoding="utf-8")
    rows.run(words("--events", events, "--output", output))
    assert pq.read_table(output).to_pylist() == [
        {"user": "7", "items": ["z", "w", "x"]},
        {"user": "8", "items": ["y"]},
    ]


def test_what_is_not_the_table_is_one_clear_message(tmp_path: Path) -> None:
    events, output = tmp_path / "events.csv", tmp_path / "users.parquet"
    with pytest.raises(Failure, match="must be a file"):
        rows.run(words("--events", events, "--output", output))
    events.write_text("user,time\n7,1\n", encoding="utf-8")
    with pytest.raises(Failure, match=r"events\.csv must have the columns \['item'\]"):
        rows.run(words("--events", events, "--output", output))


def test_made_up_users_go_on_to_an_item_that_often_follows(tmp_path: Path) -> None:
    """Three items follow each one, seven times in ten: the first three of 300 hold it then."""
    spec = trained_for(read_spec(SPEC), epochs=8, batch_size=32, learning_rate=0.005, sampled=None)
    output = through_all_stages(spec, rows.made_up(1500), tmp_path / "out")
    test = read_json(output / "run" / "metrics.json")["test"]["next"]
    assert test["accuracy@5"] > 0.4
    answer = Scorer(output / "model" / "model.onnx").score(pa.table({"user": [""], "items": [[]]}))
    assert len(answer["next.labels"][0]) == 10
