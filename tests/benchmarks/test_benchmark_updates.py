"""A few weeks of made-up rows through benchmarks.updates, and a few new ids through fold_in."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from chain import stage_here

from benchmarks import fold_in
from benchmarks.updates import Year, mean_change
from benchmarks.updates_model import Updated
from benchmarks.updates_plot import plot
from benchmarks.updates_rows import cut, made_up, tables
from benchmarks.updates_stages import Cost


class NoCosts:
    """For stages whose time nobody asks for."""

    def cost(self) -> Cost:
        return Cost(1.0, 2.0)


def test_weeks_follow_the_base_in_order_of_time(tmp_path: Path) -> None:
    lines = ["date,team,scorer", *(f"20{99 - at:02}-01-01,t,s{at}" for at in range(90))]
    (tmp_path / "scorers.csv").write_text("\n".join(lines) + "\n")
    [table] = tables(tmp_path, 7, 0.4)
    parts = [table.base, *table.weeks]
    assert [part.num_rows for part in parts] == [36, 7, 8, 8, 7, 8, 8, 8]
    together = pa.concat_tables(parts)
    assert together["scorer"].to_pylist() == [f"s{at}" for at in reversed(range(90))]
    assert together["row"].to_pylist() == [str(at) for at in range(90)]


def test_changes_are_those_of_all_rows_together() -> None:
    week = {"rows": 1, "heads": {"y": {"a": 1.0, "b": 2.0}}}
    longer = {"rows": 3, "heads": {"y": {"a": 2.0, "b": 2.0}}}
    assert mean_change([{"x": week}, {"x": longer}], "x") == pytest.approx(7 / 8 - 1)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("pipeline.running.processes.run_stage", stage_here)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    yield


@pytest.mark.usefixtures("in_this_process")
def test_a_few_weeks_have_all_figures(tmp_path: Path) -> None:
    spec = tables(None, 3, 0.5).__next__().spec.replace("epochs: 6", "epochs: 3")
    year = Year(cut("made_up", spec, made_up(1_600), 3, 0.6), tmp_path, NoCosts())
    year.go(anew_every=2)
    said = year.figures()
    assert (said["rows"], said["updates"], said["weeks_anew"]) == (1_600, 2, [2])
    assert said["every_version_scores"] and said["cpu_beside_anew"] == 1.0
    assert len(said["weekly_loss_beside_no_update"]) == 2
    assert all(mb > 0 for mb in said["disk_mb_first_middle_last"])
    assert len(plot({"made_up": said}).axes) == 1


@pytest.mark.usefixtures("in_this_process")
def test_new_ids_are_folded_in_and_old_rows_keep_their_scores(tmp_path: Path) -> None:
    said = fold_in.measured(Updated(tmp_path, NoCosts()), 60, 12, [])
    assert (said["old_items"], said["new_items"]) == (60, 12)
    assert said["rows_of_new_items"]["log_loss_folded_in"] > 0
