"""Rows of users with what they had, in order: from a table of events, or made up.

    python -m examples.next_item.rows --output users.parquet
    python -m examples.next_item.rows --events events.csv --output users.parquet

One row per user:

    user    "user 17", not learned from
    items   ["item 4", "item 13", "item 40"], oldest first

events.csv has a row for each event with the columns `user`, `item` and `time`, which is a number or
an ISO day and time; events of one time stay in the order of the file. Made-up users go from item to
item: each item has three that often follow it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from examples.given_tables import check_columns
from kinds.lists import lists_of
from pipeline.failures import Exit, Failure, main

READ = ("user", "item", "time")
ITEMS, FOLLOWING = 300, 3
SHORTEST, LONGEST = 3, 30
OFTEN = 0.7  # how likely the next item is one of those that follow


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.next_item.rows",
        description="Rows of users with what they had, in order, from a table or made up.",
        epilog="Example: python -m examples.next_item.rows --output users.parquet",
    )
    parser.add_argument("--events", type=Path, help="a CSV file with user, item and time")
    parser.add_argument("--rows", type=int, default=5_000, help="made-up ones (5,000)")
    parser.add_argument("--output", type=Path, required=True, help="a .parquet file")
    options = parser.parse_args(argv)
    if options.output.suffix != ".parquet":
        raise Failure(Exit.USAGE, "--output must be a .parquet file", received=options.output)
    if options.rows < 1:
        raise Failure(Exit.USAGE, "--rows must be 1 or more", received=options.rows)
    given = options.events
    pq.write_table(made_up(options.rows) if given is None else of_file(given), options.output)


def of_file(path: Path) -> pa.Table:
    """The users of a table of events. Raises Failure."""
    check_columns(path, "--events", READ)
    types = {"user": pa.string(), "item": pa.string()}
    reading = pa.csv.ConvertOptions(column_types=types, include_columns=list(READ))
    return of_events(pa.csv.read_csv(path, convert_options=reading))


def of_events(events: pa.Table) -> pa.Table:
    """A row for each user, the items in the order of their times.

    >>> events = pa.table({"user": ["b", "a", "b"], "item": ["x", "y", "z"], "time": [2, 1, 1]})
    >>> of_events(events).to_pylist()
    [{'user': 'a', 'items': ['y']}, {'user': 'b', 'items': ['z', 'x']}]
    """
    numbered = events.append_column("row", pa.array(np.arange(events.num_rows)))
    order = [(name, "ascending") for name in ("user", "time", "row")]
    ordered = numbered.take(pc.sort_indices(numbered, sort_keys=order)).combine_chunks()
    users = ordered["user"].combine_chunks().dictionary_encode()
    lengths = np.bincount(users.indices.to_numpy(), minlength=len(users.dictionary))
    items = lists_of(ordered["item"].combine_chunks(), lengths)
    return pa.table({"user": users.dictionary, "items": items})


def made_up(count: int, seed: int = 1) -> pa.Table:
    """`count` users, all at one step of their walk at a time."""
    draw = np.random.default_rng(seed)
    following = draw.integers(ITEMS, size=(ITEMS, FOLLOWING))
    lengths = draw.integers(SHORTEST, LONGEST + 1, size=count)
    walked = np.empty((count, LONGEST), np.int64)
    walked[:, 0] = draw.integers(ITEMS, size=count)
    for step in range(1, LONGEST):
        likely = following[walked[:, step - 1], draw.integers(FOLLOWING, size=count)]
        other = draw.integers(ITEMS, size=count)
        walked[:, step] = np.where(draw.random(count) < OFTEN, likely, other)
    there = np.arange(LONGEST) < lengths[:, None]
    names = np.array([f"item {item}" for item in range(ITEMS)], object)
    items = lists_of(pa.array(names[walked[there]], pa.string()), lengths)
    return pa.table({"user": [f"user {at}" for at in range(count)], "items": items})


if __name__ == "__main__":
    main(run)
