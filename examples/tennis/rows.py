"""Rows out of the archive of men's tennis matches 1968-2024 (Jeff Sackmann, CC BY-NC-SA 4.0).

    python -m examples.tennis.rows --archives tennis-archives --output tennis.parquet

One row per player and match, so two rows per match, with what was known before it and the outcome:

    match, player    "2019-M020/300", "Kei Nishikori (105453)"
    tournament, round, level, hand    "Brisbane", "F", "A", "R"
    age, height, rank                 29.0, 178, 9; each may be missing
    seed, entry                       2 and null, or null and "Q" for one out of the qualification
    last_opponents   of the ten matches before, oldest first: [..., "Jeremy Chardy (104607)"]
    year             2018 (the tournament began on 31 December); the split goes by it
    opponent, won, minutes, surface   to predict; minutes are missing in half of the rows

What would give the answer away is left out: the opponent's own columns, the score, the statistics.
Of two rows the one with the smaller player number comes first, whoever won. Nothing is downloaded.
"""

import argparse
import tarfile
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipeline.failures import Exit, Failure, main

HISTORY = 10
# Isner against Mahut, 2010. Nothing above it is true, and 0 stands for a match that nobody played.
LONGEST_MATCH_MINUTES = 665
ROWS_AT_ONCE = 50_000
ROUNDS = ("Q1", "Q2", "Q3", "Q4", "ER", "R128", "R64", "R32", "R16", "RR", "QF", "SF", "BR", "F")
READ = [
    *("tourney_id", "tourney_name", "tourney_date", "tourney_level", "surface", "round"),
    *("match_num", "minutes"),
    *(f"{who}_{what}" for who in ("winner", "loser") for what in ("id", "name", "hand", "ht")),
    *(f"{who}_{what}" for who in ("winner", "loser") for what in ("age", "rank", "seed", "entry")),
]
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("match", "player", "tournament", "round", "level")),
        ("hand", pa.string()),
        *((name, pa.float32()) for name in ("age", "height", "rank", "seed")),
        ("entry", pa.string()),
        ("last_opponents", pa.list_(pa.string())),
        ("year", pa.int32()),
        ("opponent", pa.string()),
        ("won", pa.bool_()),
        ("minutes", pa.float32()),
        ("surface", pa.string()),
    ]
)

Match = Mapping[str, str]


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.tennis.rows")
    parser.add_argument("--archives", type=Path, required=True, help="folder of the *.tar.xz files")
    parser.add_argument("--output", type=Path, required=True, help="a .parquet file")
    parser.add_argument("--since", type=int, default=0, help="leave the rows of earlier years out")
    options = parser.parse_args(argv)
    archives = sorted(options.archives.glob("*.tar.xz"))
    if not archives:
        raise Failure(Exit.USAGE, "there must be *.tar.xz files", received=options.archives)
    matches = [match for path in archives for match in matches_of(path)]
    wanted = (row for row in rows_of(matches) if row["year"] >= options.since)
    print(f"{write(options.output, wanted):,} rows of {len(matches):,} matches: {options.output}")


def matches_of(archive: Path) -> Iterator[Match]:
    """Every match of the CSV files in a tar archive, as text."""
    types = pyarrow.csv.ConvertOptions(
        include_columns=READ, column_types=dict.fromkeys(READ, pa.string())
    )
    with tarfile.open(archive) as files:
        for member in files:
            content = files.extractfile(member) if member.name.endswith(".csv") else None
            if content is not None:
                yield from pyarrow.csv.read_csv(content, convert_options=types).to_pylist()


def rows_of(matches: Iterable[Match]) -> Iterator[dict[str, Any]]:
    """Two rows for each match, in the order in which the matches were played.

    A player's history holds only matches before this one: it grows after both rows are made.
    """
    ordered = sorted(matches, key=_when)
    players = {m[f"{who}_id"]: m[f"{who}_name"] for m in ordered for who in ("winner", "loser")}
    history: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=HISTORY))
    for match in ordered:
        sides = sorted(("winner", "loser"), key=lambda who: int(match[f"{who}_id"]))
        ids = [match[f"{who}_id"] for who in sides]
        names = [f"{players[i]} ({i})" for i in ids]
        for who, player, opponent, at in zip(sides, names, reversed(names), ids, strict=True):
            yield _row(match, who, player, opponent, list(history[at]))
        for at, opponent in zip(ids, reversed(names), strict=True):
            history[at].append(opponent)


def _when(match: Match) -> tuple[str, str, int, int]:
    """Dates are those of the tournament's first day, so that rounds say the order within it."""
    place = ROUNDS.index(match["round"]) if match["round"] in ROUNDS else len(ROUNDS)
    return match["tourney_date"], match["tourney_id"], place, int(match["match_num"])


def _row(match: Match, who: str, player: str, opponent: str, history: list[str]) -> dict[str, Any]:
    return {
        "match": f"{match['tourney_id']}/{match['match_num']}",
        "player": player,
        "tournament": match["tourney_name"],
        "round": match["round"],
        "level": match["tourney_level"],
        "hand": match[f"{who}_hand"] or None,
        "age": _number(match[f"{who}_age"]),
        "height": _number(match[f"{who}_ht"]),
        "rank": _number(match[f"{who}_rank"]),
        "seed": _number(match[f"{who}_seed"]),
        "entry": match[f"{who}_entry"] or None,
        "last_opponents": history,
        "year": int(match["tourney_date"][:4]),
        "opponent": opponent,
        "won": who == "winner",
        "minutes": believable_minutes(match["minutes"]),
        "surface": match["surface"] or None,
    }


def _number(text: str) -> float | None:
    return float(text) if text else None


def believable_minutes(text: str) -> float | None:
    """A target that cannot be true is worse than none.

    >>> [believable_minutes(text) for text in ("97", "", "0", "665", "4756")]
    [97.0, None, None, 665.0, None]
    """
    minutes = _number(text)
    return minutes if minutes and minutes <= LONGEST_MATCH_MINUTES else None


def write(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    """Writes a whole Parquet file, or none. Returns the number of rows."""
    partial = path.with_name(f".{path.name}.partial")
    written = 0
    with pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=SCHEMA))
            written += len(batch)
    partial.replace(path)
    return written


if __name__ == "__main__":
    main(run)
