"""Goals by their date: rows from the table's columns or made up, through all stages."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, words

from examples.when import rows
from pipeline.failures import Exit, Failure
from pipeline.spec.file import read_spec
from serving.scorer import Scorer

SPEC = Path(rows.__file__).with_name("spec.yaml")
GOALS = """date,home_team,away_team,team,scorer,minute,own_goal,penalty
1999-06-02,North,South,North,Ann,44,FALSE,FALSE
1999-06-02,North,South,South,Bob,NA,FALSE,TRUE
1999-06-02,North,South,South,Ann,55,TRUE,FALSE
2001-01-31,South,"West, the",South,NA,1,FALSE,FALSE
2001-01-31,South,"West, the","West, the",Çid,90,FALSE,FALSE
"""


def test_a_goal_has_its_day_its_teams_and_its_scorer_and_own_goals_are_left_out(
    tmp_path: Path,
) -> None:
    given, output = tmp_path / "goalscorers.csv", tmp_path / "goals.parquet"
    given.write_text(GOALS, encoding="utf-8")
    rows.run(words("--goalscorers", given, "--output", output))
    june, january = datetime.date(1999, 6, 2), datetime.date(2001, 1, 31)
    assert [tuple(row.values()) for row in pq.read_table(output).to_pylist()] == [
        (june, "North", "South", True, "Ann", False),
        (june, "South", "North", False, "Bob", True),
        (january, "West, the", "South", False, "Çid", False),
    ]


def test_what_is_not_the_table_is_one_clear_message(tmp_path: Path) -> None:
    given, output = tmp_path / "goals.csv", tmp_path / "goals.parquet"
    with pytest.raises(Failure, match="must be a file"):
        rows.run(words("--goalscorers", given, "--output", output))
    given.write_text("date,team\n2001-01-31,South\n", encoding="utf-8")
    with pytest.raises(Failure, match=r"goals\.csv must have the columns .*'scorer'") as found:
        rows.run(words("--goalscorers", given, "--output", output))
    assert found.value.exit_code == Exit.USAGE


def test_goals_are_written_as_the_output_is_called(tmp_path: Path) -> None:
    for name in ("goals.csv", "goals.parquet"):
        rows.run(words("--rows", "9", "--output", tmp_path / name))
    written = pyarrow.csv.read_csv(tmp_path / "goals.csv")
    assert written.equals(pq.read_table(tmp_path / "goals.parquet"))
    with pytest.raises(Failure, match=r"must be a \.parquet or \.csv file"):
        rows.run(words("--output", tmp_path / "goals.txt"))


def test_made_up_goals_are_the_same_for_the_same_seed_and_players_come_and_go() -> None:
    table = rows.made_up(2000, seed=3)
    assert table.equals(rows.made_up(2000, seed=3))
    assert not table.equals(rows.made_up(2000, seed=4))
    assert pc.all(pc.not_equal(table["team"], table["opponent"])).as_py()
    spans = table.group_by("scorer").aggregate([("date", "min"), ("date", "max")])
    longest = pc.max(pc.days_between(spans["date_min"], spans["date_max"])).as_py()
    assert longest <= rows.CAREER_YEARS[1] * 365


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(
        read_spec(SPEC), rows.made_up(6000), tmp_path_factory.mktemp("w") / "o"
    )


def test_the_past_trains_and_the_newest_goals_are_those_of_test(output: Path) -> None:
    dates = np.sort(pq.read_table(output / "rows.parquet")["date"].to_numpy())
    begins = read_json(output / "data" / "spec.json")["split"]["begins"]
    shares = [np.mean(dates >= np.datetime64(day[:10])) for day in begins]
    assert shares == pytest.approx([0.2, 0.1], abs=0.01)
    counted = read_json(output / "data" / "statistics.json")["rows"]
    assert counted["test"] == np.sum(dates >= np.datetime64(begins[1][:10]))


def test_scorers_are_told_by_team_and_day_better_than_by_one_input_alone(output: Path) -> None:
    metrics = read_json(output / "run" / "metrics.json")
    simple = metrics["baselines"]["scorer"]["strongest_input"]["test"]["log_loss"]
    assert metrics["test"]["scorer"]["log_loss"] < 0.9 * simple


def test_penalties_are_told_by_the_two_teams(output: Path) -> None:
    """Among rivals they are OFTEN, among others SELDOM; nobody can know more than which it is."""
    metrics = read_json(output / "run" / "metrics.json")
    constant = metrics["baselines"]["penalty"]["constant"]["test"]["log_loss"]
    assert metrics["test"]["penalty"]["log_loss"] < 0.95 * constant
    assert metrics["test"]["penalty"]["auc"] > 0.65


def test_the_day_of_a_goal_may_come_in_any_form(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx")
    row = {"team": "Brenn", "opponent": "Dunley", "at_home": True}
    day = datetime.date(2024, 6, 1)
    forms = ["2024-06-01", day, datetime.datetime(2024, 6, 1, 18, 30), "2024-06-01T18:30:00Z"]
    found = [scorer.score([{**row, "date": form}]) for form in [*forms, "2014-01-01"]]
    labels = [table["scorer.labels"].to_pylist() for table in found]
    assert labels[:4] == [labels[0]] * 4
    assert labels[4] != labels[0]
