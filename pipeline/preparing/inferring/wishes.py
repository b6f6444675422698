"""What somebody says of the rows on the command line, and a question where no target is clear."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kinds.looks.sequels import Order
from pipeline.failures import Exit, Failure
from pipeline.near import near_columns

_SHOWN = 12


@dataclass(frozen=True)
class Wishes:
    """Columns by what they are to be; what is not said is found out."""

    targets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    split: str = ""
    texts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def check(self, names: Sequence[str]) -> None:
        """Raises Failure 2 for a column that the rows do not have."""
        said = [*self.targets, *self.keys, *self.texts, *self.ids]
        said += [self.split] if self.split else []
        if missing := [name for name in said if name not in names]:
            rule = f"the rows must have the columns that are named; missing: {missing}"
            raise Failure(Exit.USAGE, rule + near_columns(missing, names), received=[*names][:50])

    @property
    def any(self) -> bool:
        return self != Wishes()


def add_wishes(parser: argparse.ArgumentParser) -> None:
    """The options of the commands that look at rows."""
    group = parser.add_argument_group("about the rows, where there is no spec")
    _add_several(group, "--target", "the columns to predict")
    _add_several(group, "--keys", "the columns that tell rows apart")
    said = "the column that holds rows out or keeps them together"
    group.add_argument("--split", default="", metavar="C", help=said)
    _add_several(group, "--text", "columns of running text")
    _add_several(group, "--id", "columns of ids, also where these are numbers")


def _add_several(group: argparse._ArgumentGroup, name: str, said: str) -> None:
    group.add_argument(name, action="extend", nargs="+", default=[], metavar="C", help=said)


def wishes_of(options: argparse.Namespace) -> Wishes:
    """What was said with the options of `add_wishes`."""
    return Wishes(
        *(tuple(options.target), tuple(options.keys), options.split),
        *(tuple(options.text), tuple(options.id)),
    )


@dataclass(frozen=True)
class Questions:
    """What a person is asked where the rows do not say it: which of some columns is to be
    predicted, and whether the order of a column's lists means something."""

    target: Callable[[Sequence[str]], str]
    order: Callable[[str, Order], bool]


def asked_order(column: str, order: Order) -> bool:
    """What somebody on a terminal says, and where nobody is there, what is likelier."""
    likely = order.means_something
    if not _somebody_is_there():
        return likely
    for said, what in ((order.of_order, "an order"), (order.of_sets, "sets")):
        if said:
            print(f"{column!r} has lists. For {what}: {said}.", file=sys.stderr)
    print("  1  predict what comes next in a list\n  2  predict a set of labels", file=sys.stderr)
    while True:
        print(f"Number [{2 - likely}]: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line.strip() or line.strip() in ("1", "2"):
            return line.strip() == "1" if line.strip() else likely


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def asked(candidates: Sequence[str]) -> str:
    """The target that somebody chooses on a terminal. Raises Failure 2 where nobody is there."""
    shown = candidates[:_SHOWN]
    if not _somebody_is_there():
        more = f" and {len(candidates) - _SHOWN:,} more" if len(candidates) > _SHOWN else ""
        rule = "it is not clear what to predict: --target COLUMN says it"
        raise Failure(
            Exit.USAGE, rule, received=f"columns that it may be: {', '.join(shown)}{more}"
        )
    print("What is to be predicted?", file=sys.stderr)
    for number, name in enumerate(shown, 1):
        print(f"  {number:>2}  {name}", file=sys.stderr)
    while True:
        print(f"Number or name [{shown[0]}]: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise Failure(Exit.USAGE, "a target must be chosen: --target COLUMN says it")
        said = line.strip() or shown[0]
        if said in candidates:
            return said
        if said.isdecimal() and 1 <= int(said) <= len(shown):
            return shown[int(said) - 1]
        print(f"There is no {said!r} among them.", file=sys.stderr)


ON_A_TERMINAL = Questions(asked, asked_order)
