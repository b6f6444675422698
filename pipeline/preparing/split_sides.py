"""What prepare asks of a split: that all it lists occurs in the rows; and rows dealt to shards."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.columns.readings import as_values
from pipeline import spec as specs
from pipeline.failures import Exit, Failure
from pipeline.sides import SIDES, matches, scrambled, text_hash, texts_of
from pipeline.sides.times import NEITHER, time_text, times_of

# Of the values of a split's column so many are remembered, to be shown.
REMEMBERED, SHOWN = 500, 12
# The first and the last place in time, and their kind (pipeline.sides.times).
Times = tuple[int, int, int]
# The seed of the draw that deals rows to shards.
_DEAL = np.uint64(0x9E3779B97F4A7C15)


def asked_for(split: specs.Split) -> list[str]:
    """The held-out sides that are to have rows."""
    fold = getattr(split, "fold", None) is not None
    return [side for side in SIDES[1:] if getattr(split, side) or (fold and side == "test")]


def check_split(split: specs.Split, paths: Sequence[str]) -> None:
    """Raises Failure 2 where a split cannot be meant so, whatever the rows are."""
    if isinstance(split, specs.FileSplit):
        _check_patterns(split, paths)
    elif isinstance(split, specs.TimeSplit):
        _check_given_times(split)
    elif isinstance(split, specs.ColumnSplit) and {*texts_of(split.eval)} & {*texts_of(split.test)}:
        rule = "split: eval and test must not name the same value: read as values they do"
        raise Failure(Exit.USAGE, rule, received=[*split.eval, *split.test])


def _check_given_times(split: specs.TimeSplit) -> None:
    given = [said for said in (split.eval, split.test) if isinstance(said, str)]
    found = times_of(pa.array(given, pa.string()))
    if (found.kind == NEITHER).any():
        rule = "split: eval and test are shares, ISO days and times such as 2024-01-31, or numbers"
        raise Failure(Exit.USAGE, rule, received=given)
    if len({*found.kind.tolist()}) > 1 or (np.diff(found.at) <= 0).any():
        rule = "split: eval must begin before test, with times of one kind"
        raise Failure(Exit.USAGE, rule, received=given)


def _check_patterns(split: specs.FileSplit, paths: Sequence[str]) -> None:
    """A pattern that matches no file is refused: its rows would train, unseen."""
    for side, patterns in (("eval", split.eval), ("test", split.test)):
        for pattern in patterns:
            if not any(matches(path, pattern) for path in paths):
                rule = f"split.{side}: each pattern must match an input file"
                raise Failure(
                    Exit.USAGE, rule, received=f"{pattern!r}; the files are {_some(paths)}"
                )
    for path in paths:
        own = [
            next((one for one in patterns if matches(path, one)), None)
            for patterns in (split.eval, split.test)
        ]
        if None not in own:
            rule = "split: a file must not match patterns of eval and of test"
            raise Failure(Exit.USAGE, rule, received=f"{path}: {own[0]!r} and {own[1]!r}")


def value_counts(column: pa.Array) -> Counter[str]:
    """How often each value of a split's column occurs, by its text as a value."""
    found = as_values(column.drop_null()).value_counts()
    values, counts = (found.field(name).to_pylist() for name in ("values", "counts"))
    return Counter(dict(zip(values, counts, strict=True)))


def remembered(counts: Counter[str]) -> Counter[str]:
    """The same values for every order of the rows, with all their counts."""
    if len(counts) <= REMEMBERED:
        return counts
    return Counter({value: counts[value] for value in sorted(counts, key=text_hash)[:REMEMBERED]})


def check_values(split: specs.Split, listed: Counter[str], occurring: Counter[str]) -> None:
    """Raises Failure 2 where no row has a value that is `listed` in a split: rows that were to be
    held out would train, unseen. `occurring` are values that rows have."""
    if not isinstance(split, specs.ColumnSplit):
        return
    for side, values in (("eval", split.eval), ("test", split.test)):
        for value, text in zip(values, texts_of(values), strict=True):
            if not listed[text]:
                there = [f"{one!r} ({count:,})" for one, count in occurring.most_common()]
                rule = f"split.{side}: each value must occur in column {split.column!r}"
                raise Failure(Exit.USAGE, rule, received=f"{value!r}; it has {_some(there)}")


def check_times(split: specs.Split, times: Mapping[str, Times]) -> None:
    """Raises Failure 2 where no row is as late as a held-out side is said to begin: what is asked
    for and is not there is a mistake, such as a number of milliseconds for one of seconds."""
    if not isinstance(split, specs.TimeSplit) or not times:
        return
    for side in SIDES[1:]:
        said = getattr(split, side)
        if isinstance(said, str) and side not in times:
            spans = times_by_side(times)
            there = ", ".join(f"{one} {first} to {last}" for one, (first, last) in spans.items())
            rule = f"split.{side}: rows of column {split.column!r} must be in its time"
            raise Failure(Exit.USAGE, rule, received=f"{said!r}; they are {there}")


def times_by_side(times: Mapping[str, Times]) -> dict[str, list[str]]:
    """The texts of the first and the last time of each side."""
    there = {side: times[side] for side in SIDES if side in times}
    return {
        side: [time_text(first, kind), time_text(last, kind)]
        for side, (first, last, kind) in there.items()
    }


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else ""
    return f"{', '.join(texts[:SHOWN]) or 'none'}{more}"


def dealt(origins: npt.NDArray[np.int64], shards: int) -> npt.NDArray[np.int64]:
    """int64 [rows]: the shard of each row, drawn by where it comes from alone
    (pipeline.preparing.reading).

    In turn would not do: of rows that come in a rhythm, such as a question and its inverse, a shard
    would have one sort only, and shards are read one after the other.
    """
    drawn = scrambled(scrambled(origins.astype(np.uint64)) ^ _DEAL)
    return (drawn % np.uint64(shards)).astype(np.int64)
