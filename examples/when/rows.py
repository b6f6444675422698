"""Rows of goals in football: when, who scored, was it a penalty; from a public table or made up.

    python -m examples.when.rows --output goals.csv
    python -m examples.when.rows --goalscorers goalscorers.csv --output goals.parquet

One row per goal:

    date             2021-06-11, a day
    team, opponent   "Uruguay", "Chile"; the team is the one that scored
    at_home          true where it is the first of the two that the table names
    scorer           "José Piendibene", to predict
    penalty          false, to predict

goalscorers.csv is in martj42/international_results on GitHub (CC0); nothing is downloaded. Own
goals are left out: their scorers play for the other team. Made-up goals need no file: players come
and go, most of them score in one half of the year, and rivals give each other more penalties.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from examples.given_tables import check_columns
from pipeline.failures import Exit, Failure, main

COLUMNS = ("date", "team", "opponent", "at_home", "scorer", "penalty")
WRITERS: dict[str, Callable[..., None]] = {
    ".parquet": pq.write_table,
    ".csv": pyarrow.csv.write_csv,
}
READ = ("date", "home_team", "away_team", "team", "scorer", "own_goal", "penalty")
TEAMS = (
    *("Aldmoor", "Brenn", "Carrowick", "Dunley", "Eskmouth", "Farholt"),
    *("Gravesby", "Holmfirth", "Inverlea", "Jarrowdale", "Kelmscott", "Lydford"),
)
PLAYERS = 20  # of each team, in all years
FIRST_DAY, DAYS = np.datetime64("2000-01-01"), 25 * 365
SPRING, AUTUMN = 4, 10  # the months with which the halves of a player's year begin
CAREER_YEARS = (4.0, 12.0)
OFTEN, SELDOM = 0.4, 0.05  # how likely a goal is a penalty, among rivals and others


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.when.rows",
        description="Rows of goals in football, from a public table or made up.",
        epilog="Example: python -m examples.when.rows --output goals.parquet",
    )
    parser.add_argument("--goalscorers", type=Path, help="goalscorers.csv")
    parser.add_argument("--rows", type=int, default=20_000, help="made-up ones (20,000)")
    parser.add_argument("--output", type=Path, required=True, help="a .parquet or .csv file")
    options = parser.parse_args(argv)
    write = WRITERS.get(options.output.suffix)
    if write is None:
        rule = "--output must be a .parquet or .csv file"
        raise Failure(Exit.USAGE, rule, received=options.output)
    if options.rows < 1:
        raise Failure(Exit.USAGE, "--rows must be 1 or more", received=options.rows)
    given = options.goalscorers
    write(made_up(options.rows) if given is None else of_file(given), options.output)


def of_file(path: Path) -> pa.Table:
    """The goals of goalscorers.csv. Raises Failure."""
    check_columns(path, "--goalscorers", READ)
    types = dict.fromkeys(READ, pa.string()) | {"date": pa.date32()}
    flags = {"own_goal": pa.bool_(), "penalty": pa.bool_()}
    options = pyarrow.csv.ConvertOptions(
        column_types=types | flags,
        include_columns=READ,
        null_values=["", "NA"],
        strings_can_be_null=True,
    )
    goals = pyarrow.csv.read_csv(path, convert_options=options)
    goals = goals.filter(pc.and_(pc.invert(goals["own_goal"]), goals["scorer"].is_valid()))
    at_home = pc.equal(goals["team"], goals["home_team"])
    opponent = pc.if_else(at_home, goals["away_team"], goals["home_team"])
    columns = [goals["date"], goals["team"], opponent, at_home, goals["scorer"], goals["penalty"]]
    return pa.table(columns, names=COLUMNS)


def made_up(rows: int, seed: int = 1) -> pa.Table:
    """Goals of made-up teams, in the order of their days."""
    random = np.random.default_rng(seed)
    days = np.sort(random.integers(0, DAYS, rows))
    dates = FIRST_DAY + days
    teams = random.integers(0, len(TEAMS), rows)
    others = (teams + random.integers(1, len(TEAMS), rows)) % len(TEAMS)
    rivals = np.triu(random.random((len(TEAMS), len(TEAMS))) < 0.5)
    chance = np.where((rivals | rivals.T)[teams, others], OFTEN, SELDOM)
    scorers = teams * PLAYERS + _players(teams, days, dates, random)
    names = [f"{team} {number}" for team in TEAMS for number in range(1, PLAYERS + 1)]
    columns = [
        pa.array(dates),
        pa.array(TEAMS).take(pa.array(teams)),
        pa.array(TEAMS).take(pa.array(others)),
        pa.array(random.random(rows) < 0.5),
        pa.array(names).take(pa.array(scorers)),
        pa.array(random.random(rows) < chance),
    ]
    return pa.table(columns, names=COLUMNS)


def _players(
    teams: np.ndarray, days: np.ndarray, dates: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Which player of the team scores on each day: one whose career it lies in, most likely a good
    one in their half of the year."""
    shape = (len(TEAMS), PLAYERS)
    # The careers of a team follow each other, so that there is always somebody.
    middle = np.linspace(0, DAYS, PLAYERS) + np.zeros(shape)
    half_length = 365 / 2 * random.uniform(*CAREER_YEARS, shape)
    of_summer = random.random(shape) < 0.5
    good = random.normal(0, 1, shape)
    month = dates.astype("datetime64[M]").astype(int) % 12 + 1
    is_summer = (month >= SPRING) & (month < AUTUMN)
    likely = good[teams] + 2.0 * (of_summer[teams] == is_summer[:, None])
    likely -= 20.0 * (abs(days[:, None] - middle[teams]) > half_length[teams])
    return np.argmax(likely + random.gumbel(size=likely.shape), axis=1)


if __name__ == "__main__":
    main(run)
