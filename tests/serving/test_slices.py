"""Slices of an evaluation: what they hold, those that are found, and two models compared."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from small_run import LABELS, WORDS, exported
from test_evaluation import ROWS, evaluate, rows_with_targets

from kinds.columns import Field
from kinds.heads.any.intervals import GroupSums, RowValues
from kinds.heads.any.metrics import Array
from pipeline.failures import Exit, Failure
from pipeline.sides import Split, hashes
from serving import compare
from serving.evaluation.groups import Groups
from serving.evaluation.slices import ByFrequency, ByValue, SlicedRows, asked_slices
from serving.evaluation.targets import Target
from serving.evaluation.worst import worst

MODEL = exported() / "model" / "model.onnx"


def test_slices_of_a_command_have_the_rows_that_are_said(tmp_path: Path) -> None:
    rows = rows_with_targets()
    asked = ["--slice", "word", "--slice", "age<30", "--slice", "next=yes", "--slices"]
    found = evaluate(tmp_path, rows, *asked)["left"]
    sizes = {one["slice"]: one["targets"] for one in found["slices"]}
    there = ~np.isnan(np.array(rows["left"].to_pylist(), float))
    words = np.array(rows["word"].to_pylist(), object)
    ages = rows["age"].to_numpy()
    assert sizes["word = cat"] == (there & (words == "cat")).sum()
    assert sizes["word is missing"] == (there & (words == None)).sum()  # noqa: E711
    assert sizes["age<30"] == (there & (ages < 30)).sum()
    assert sizes["next=yes"] == (there & (np.array(rows["next"].to_pylist()) == "yes")).sum()
    own = sum(size for name, size in sizes.items() if name.startswith("word "))
    assert own == found["targets"] == ROWS - 1


def test_a_slice_is_measured_as_its_rows_alone_are(tmp_path: Path) -> None:
    rows = rows_with_targets()
    some = rows.filter(pa.array(rows["age"].to_numpy() < 30))
    (tmp_path / "some").mkdir()
    (own,) = evaluate(tmp_path, rows, "--slice", "age<30")["ends"]["slices"]
    alone = evaluate(tmp_path / "some", some)["ends"]
    for metric in ("targets", "log_loss", "accuracy", "auc"):
        assert own[metric] == pytest.approx(alone[metric], rel=1e-5)


def test_unknown_labels_and_unknown_values_are_slices(tmp_path: Path) -> None:
    rows = rows_with_targets()
    found = evaluate(tmp_path, rows, "--slices")["next"]
    sizes = {one["slice"]: one["targets"] for one in found["slices"]}
    labels = [label for label in rows["next"].to_pylist() if label is not None]
    assert sizes["labels unknown"] == sum(label not in LABELS for label in labels)
    assert sizes["labels 1 to 6"] == sum(label in LABELS for label in labels)


@pytest.mark.parametrize("said", ["nothing", "age<old", "word>3>"])
def test_what_is_no_slice_is_refused(said: str) -> None:
    if said == "word>3>":
        said = "nobody<3"
    with pytest.raises(Failure, match="a slice") as failure:
        asked_slices([said], [{"word", "age"}], [Field("age", "number")])
    assert failure.value.exit_code == Exit.USAGE


def test_a_column_called_as_a_condition_is_a_column() -> None:
    (found,) = asked_slices(["age<30"], [{"age<30", "age"}], [])
    assert isinstance(found, ByValue)


def test_a_set_of_labels_is_as_rare_as_its_rarest() -> None:
    target = Target(np.array([True, True, False]), np.array([0, 0, 1]), np.array([2, 50, 9]), 0)
    rows = SlicedRows(pa.record_batch({}), pa.record_batch({}), target, {})
    slices = ByFrequency(200)
    names = [slices.names()[at] if at >= 0 else None for at in slices.of(rows)]
    assert names == ["labels 11 to 100", "labels 1 to 10", None]


def test_groups_are_those_of_the_split_whatever_side_it_put_them_on() -> None:
    keys = pa.array([str(key) for key in range(20_000)])
    held_out = Split.of({"by": "hash", "columns": ["key"], "eval": 0.1, "test": 0.1})
    sides = held_out.sides("f.csv", [keys], None)  # type: ignore[arg-type]
    rows = pa.record_batch({"key": keys.filter(pa.array(sides == 2))})
    groups = Groups(["key"])
    buckets = groups.of(rows)
    assert (buckets == groups.of(rows)).all()
    # 2,000 keys in 1,024 buckets leave a share of exp(-2) of them empty.
    assert len(np.unique(buckets)) == pytest.approx(1024 * (1 - np.exp(-2)), rel=0.05)
    assert len(np.unique(hashes([rows.column(0)]) >> np.uint64(61))) == 1


class _Planted:
    columns: Sequence[str] = ()

    def __init__(self, slices: int) -> None:
        self._names = [f"s{at}" for at in range(slices)]

    def names(self) -> Sequence[str]:
        return self._names

    def of(self, rows: SlicedRows) -> Array:
        raise NotImplementedError


def found_worst(loss: Array, slices: Array) -> list[str]:
    every, sums, values = GroupSums(), GroupSums(40), RowValues()
    values.add_mean("log_loss", loss, np.ones(len(loss)))
    buckets = np.arange(len(loss)) % 1024
    every.add(values, buckets)
    sums.add(values, buckets, slices)
    return [one.name for one in worst("binary", "log_loss", every, [(_Planted(40), sums)])]


def test_a_slice_that_is_worse_is_found_and_chance_finds_none() -> None:
    draw, by_chance = np.random.default_rng(3), 0
    slices = draw.integers(0, 40, 4_000)
    for _ in range(20):
        loss = draw.exponential(size=4_000)
        by_chance += bool(found_worst(loss, slices))
        assert found_worst(loss + 1.5 * (slices == 7), slices) == ["s7"]
    assert by_chance <= 3


def test_a_small_slice_without_a_hit_is_not_worse_than_rare_hits() -> None:
    draw = np.random.default_rng(4)
    slices = draw.integers(0, 40, 4_000)
    hits = (draw.random(4_000) < 0.01) & (slices != 5)
    assert found_worst(1.0 - hits, slices) == []


def test_a_model_is_no_better_than_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(rows_with_targets(), path)
    output = tmp_path / "both.json"
    words = [str(MODEL), str(MODEL), str(path), "--slice", "age<30", "--fail-if-worse"]
    compare.run([*words, "--output", str(output)])
    found = json.loads(output.read_text())
    assert found["rows"] == ROWS and set(found["slices"]) == {"age<30"}
    for own in found["heads"].values():
        assert {one["said"] for one in own.values()} == {compare.NOISE}
        assert all(one["interval"] == [0.0, 0.0] for one in own.values())


def test_models_without_a_head_in_common_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(rows_with_targets(), path)
    with pytest.raises(Failure, match="a head") as failure:
        compare.run([str(MODEL), str(MODEL), str(path), "--heads", WORDS[0]])
    assert failure.value.exit_code == Exit.USAGE
