"""Tennis rows: what was known before the match, and nothing of what came of it."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from examples.tennis import rows
from pipeline.spec.file import read_spec

SPEC = Path(rows.__file__).with_name("spec.yaml")
EVERYBODY = {"10": "Ann", "20": "Bob", "30": "Cid"}


def match(date: str, round_: str, winner: str, loser: str, **more: str) -> dict[str, str]:
    cells = dict.fromkeys(rows.READ, "")
    cells |= {"tourney_id": f"{date[:4]}-1", "tourney_name": "Somewhere", "tourney_date": date}
    cells |= {"round": round_, "match_num": "1", "tourney_level": "A", "surface": "Clay"}
    for who, player in (("winner", winner), ("loser", loser)):
        cells |= {f"{who}_id": player, f"{who}_name": EVERYBODY[player]}
    return cells | more


def made(matches: Sequence[rows.Match]) -> list[dict[str, Any]]:
    return list(rows.rows_of(matches))


def test_a_match_is_two_rows_whose_order_does_not_tell_who_won() -> None:
    for winner, loser in (("10", "20"), ("20", "10")):
        both = made([match("20200101", "F", winner, loser)])
        assert [row["player"] for row in both] == ["Ann (10)", "Bob (20)"]
        assert [row["opponent"] for row in both] == ["Bob (20)", "Ann (10)"]
        assert [row["won"] for row in both] == [winner == "10", winner == "20"]


def test_a_row_holds_its_own_players_columns() -> None:
    said = {"winner_age": "25.5", "winner_ht": "190", "winner_rank": "3", "winner_hand": "L"}
    said |= {"winner_seed": "2", "loser_entry": "WC"}
    row, other = made([match("20200101", "QF", "10", "20", minutes="97", **said)])
    assert row == {
        "match": "2020-1/1",
        "player": "Ann (10)",
        "tournament": "Somewhere",
        "round": "QF",
        "level": "A",
        "hand": "L",
        "age": 25.5,
        "height": 190.0,
        "rank": 3.0,
        "seed": 2.0,
        "entry": None,
        "last_opponents": [],
        "year": 2020,
        "opponent": "Bob (20)",
        "won": True,
        "minutes": 97.0,
        "surface": "Clay",
    }
    assert [other[name] for name in ("hand", "age", "height", "rank", "seed")] == [None] * 5
    assert other["entry"] == "WC"


def test_the_last_opponents_are_those_of_earlier_matches_only() -> None:
    season = [
        match("20210101", "R32", "10", "30"),
        match("20200101", "F", "10", "30"),
        match("20200101", "SF", "20", "10"),
    ]
    found = [(row["player"], row["last_opponents"]) for row in made(season)]
    assert found == [
        ("Ann (10)", []),
        ("Bob (20)", []),
        ("Ann (10)", ["Bob (20)"]),
        ("Cid (30)", []),
        ("Ann (10)", ["Bob (20)", "Cid (30)"]),
        ("Cid (30)", ["Ann (10)"]),
    ]


def test_the_result_of_a_match_changes_nothing_but_its_targets() -> None:
    before = [match("20200101", "SF", "20", "10"), match("20200101", "F", "10", "30")]
    after = [match("20200101", "SF", "20", "10"), match("20200101", "F", "30", "10")]
    for one, other in zip(made(before), made(after), strict=True):
        assert {**one, "won": None} == {**other, "won": None}


def test_only_the_last_ten_opponents_count() -> None:
    season = [match(f"2020{m:02}01", "F", "10", "20" if m < 3 else "30") for m in range(1, 13)]
    last = next(row for row in reversed(made(season)) if row["player"] == "Ann (10)")
    assert last["last_opponents"] == ["Bob (20)"] + ["Cid (30)"] * 9


def test_a_player_whose_name_was_spelled_in_two_ways_is_one_player() -> None:
    season = [
        match("20200101", "F", "10", "20", winner_name="Anne"),
        match("20210101", "F", "10", "20"),
    ]
    assert {row["player"] for row in made(season)} == {"Ann (10)", "Bob (20)"}


def archive(path: Path, matches: Sequence[dict[str, str]]) -> None:
    names = [*rows.READ, "score"]
    lines = [",".join(names)] + [",".join({**m, "score": "6-0"}[n] for n in names) for m in matches]
    content = ("\n".join(lines) + "\n").encode()
    with tarfile.open(path, "w:xz") as files:
        for name in ("matches.csv", "notes.txt"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            files.addfile(info, io.BytesIO(content))


def test_the_command_reads_archives_and_leaves_early_years_to_the_history(tmp_path: Path) -> None:
    archive(tmp_path / "one.tar.xz", [match("20190101", "F", "10", "20")])
    archive(tmp_path / "two.tar.xz", [match("20200101", "F", "10", "30", surface="")])
    output = tmp_path / "rows.parquet"
    rows.run(["--archives", str(tmp_path), "--output", str(output), "--since", "2020"])
    table = pq.read_table(output)
    assert table.schema.names == rows.SCHEMA.names
    assert table.select(["player", "last_opponents", "surface"]).to_pylist() == [
        {"player": "Ann (10)", "last_opponents": ["Bob (20)"], "surface": None},
        {"player": "Cid (30)", "last_opponents": [], "surface": None},
    ]


def test_the_spec_reads_columns_that_the_rows_have() -> None:
    spec = read_spec(SPEC)
    columns = {c for n in spec.inputs for c in spec.input_columns(n)} | {
        spec.head_column(n) for n in spec.heads
    }
    assert columns | {"match", "year"} == set(rows.SCHEMA.names)


def test_the_real_archive_has_as_many_rows_as_matches_twice(tennis_archives: Path) -> None:
    path = tennis_archives / "tour_1968-2024.tar.xz"
    matches = list(rows.matches_of(path))
    assert {m["tourney_date"][:4] for m in matches} >= {str(year) for year in range(1968, 2025)}
    recent = [m for m in matches if m["tourney_date"] >= "2023"]
    found = made(recent)
    assert len(found) == 2 * len(recent)
    assert sum(row["won"] for row in found) == len(recent)
    assert all(row["opponent"] != row["player"] for row in found)


@pytest.fixture
def tennis_archives() -> Path:
    folder = Path(__file__).parents[3] / "shared" / "data" / "tennis"
    if not folder.is_dir():
        pytest.skip("the tennis archives are not here: ../shared/data/tennis")
    return folder
