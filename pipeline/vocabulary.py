"""Vocabularies of prepared data as something to read and to compare.

    python -m pipeline.vocabulary diff OUT-1/data OUT-2/data

A vocabulary is a file of JSON lines, [value, count], in the order of its ids: by falling count, and
of equal counts by the value's bytes. Data that were made with --extend start with the old values,
whatever their counts are now; what is new follows by falling count. So ids then tell a value's age
before its frequency.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.failures import main
from pipeline.folders.data import DataFolder
from pipeline.folders.prepared import Vocabulary

SHOWN = 10


@dataclass(frozen=True)
class Difference:
    """Between two vocabularies: values with the same id, with another, only in one of them.

    New and gone values have their counts, the most frequent first.
    """

    same_id: int
    moved: int
    new: Vocabulary
    gone: Vocabulary


def run(argv: Sequence[str]) -> None:
    options = _arguments(argv)
    old, new = (DataFolder(path).verified().vocabularies() for path in (options.old, options.new))
    for name in sorted({*old, *new}):
        print("\n".join(lines(name, old.get(name), new.get(name), options.show)))


def difference(old: Vocabulary, new: Vocabulary) -> Difference:
    """
    >>> difference({"a": 9, "b": 5, "c": 1}, {"a": 9, "d": 7, "b": 6})
    Difference(same_id=1, moved=1, new={'d': 7}, gone={'c': 1})
    """
    places = {value: at for at, value in enumerate(old)}
    stay = [at == places[value] for at, value in enumerate(new) if value in places]
    return Difference(
        sum(stay),
        len(stay) - sum(stay),
        _by_count({value: count for value, count in new.items() if value not in old}),
        _by_count({value: count for value, count in old.items() if value not in new}),
    )


def _by_count(values: Vocabulary) -> Vocabulary:
    return dict(sorted(values.items(), key=lambda pair: -pair[1]))


def lines(
    name: str, old: Vocabulary | None, new: Vocabulary | None, show: int = SHOWN
) -> Iterator[str]:
    """For people: how many values stay, and the most frequent that came or went."""
    if old is None or new is None:
        yield f"{name}: only in the {'second' if old is None else 'first'} folder"
        return
    found = difference(old, new)
    yield (
        f"{name}: {len(old):,} entries, then {len(new):,}: {found.same_id:,} with the same id, "
        f"{found.moved:,} with another, {len(found.new):,} new, {len(found.gone):,} gone"
    )
    for what, values in (("new", found.new), ("gone", found.gone)):
        if values:
            total = sum((new if what == "new" else old).values())
            share = sum(values.values()) / total if total else 0.0
            yield f"  {what}, {share:.2%} of what was counted: {_shown(values, show)}"


def _shown(values: Vocabulary, show: int) -> str:
    first = [f"{json.dumps(v, ensure_ascii=False)} {n:,}" for v, n in list(values.items())[:show]]
    return ", ".join(first + ["..."] * (len(values) > show))


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.vocabulary",
        epilog="Example: python -m pipeline.vocabulary diff OLD/data NEW/data",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    diff = commands.add_parser("diff", help="what changed between two data folders")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)
    diff.add_argument("--show", type=int, default=SHOWN, metavar="N", help="values of each kind")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(run)
