"""Versions of an updated model: which there are, how two differ, going back to one.

    python -m pipeline.versions list OUT
    python -m pipeline.versions show OUT 3
    python -m pipeline.versions diff OUT 2 3
    python -m pipeline.versions rollback OUT
    python -m pipeline.versions prune OUT --keep 5

OUT is a folder with versions (pipeline.update), here or at gs:// or s3://.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline import vocabulary
from pipeline.failures import Exit, Failure, main
from pipeline.folders.versions import VersionFolder
from pipeline.rows.csv_dialect import add_csv, csv_of
from pipeline.running import processes
from pipeline.running.stages import Command
from pipeline.updating import making, places, told
from pipeline.updating.places import KEPT, Place, at_least_one
from pipeline.updating.version import Version, folder_name

# Rows of each head whose first answer has changed.
SHOWN = 5


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    place = places.place_of(options.output)
    if not place.names():
        rule = "must have versions: pipeline.update makes them"
        raise Failure(Exit.USAGE, rule, received=options.output)
    options.job(place, options)


def list_(place: Place, options: argparse.Namespace) -> None:
    current = int(place.current() or 0)
    print("\n".join(told.table(places.versions_of(place), current)))


def show(place: Place, options: argparse.Namespace) -> None:
    print("\n".join(told.lines(_version(place, options.version))))


def diff(place: Place, options: argparse.Namespace) -> None:
    """Vocabularies, then both files on the rows that both hold out, and where they disagree."""
    with tempfile.TemporaryDirectory(prefix="versions-") as scratch:
        old, new = (_fetched(place, n, Path(scratch, str(n))) for n in (options.a, options.b))
        before, after = old.prepared.vocabularies(), new.prepared.vocabularies()
        for name in sorted({*before, *after}):
            print("\n".join(vocabulary.lines(name, before.get(name), after.get(name))), flush=True)
        version = _version(place, max(options.a, options.b))
        side = "test" if version.rows.get("test", 0) else "eval"
        compare = ["serving.compare", old.model.model, new.model.model]
        compare += options.input or list(version.inputs)
        compare += [*("--side", side, "--changed", SHOWN), *csv_of(options).arguments()]
        compare += [word for one in options.slice for word in ("--slice", one)]
        processes.run_stage(Command("compare", tuple(map(str, compare)), new.model.model))


def rollback(place: Place, options: argparse.Namespace) -> None:
    with place.held():
        version = places.roll_back(place, options.version, making.now())
    print(f"version {version.number} is served")


def prune(place: Place, options: argparse.Namespace) -> None:
    with place.held():
        gone = places.prune(place, options.keep)
    print(f"deleted, but for their records: {', '.join(map(str, gone)) or 'none'}")


def _version(place: Place, number: int) -> Version:
    known = places.versions_of(place)
    if number not in known:
        there = ", ".join(map(str, known))
        raise Failure(Exit.USAGE, f"must be a version, one of {there}", received=number)
    return known[number]


def _fetched(place: Place, number: int, into: Path) -> VersionFolder:
    name = folder_name(_version(place, number).number)
    if not place.is_whole(name):
        rule = "must be a version that is not pruned: of others only the record is left"
        raise Failure(Exit.USAGE, rule, received=number)
    return VersionFolder(place.fetched(name, into))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.versions",
        usage="%(prog)s list OUT | show OUT N | rollback OUT [N] | prune OUT [--keep N]\n"
        "       %(prog)s diff OUT A B [--input F ...] [--slice S ...]",
        description="Versions of a model that is updated.",
        epilog="Example: python -m pipeline.versions list OUT",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog=parser.prog)

    def command(name: str, job: object, said: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=said, description=said, allow_abbrev=False)
        one.add_argument("output", metavar="OUT", help="the folder of the versions")
        one.set_defaults(job=job)
        return one

    command("list", list_, "which versions there are; a star before the one that is served")
    one = command("show", show, "what changed with a version, and why it is served or not")
    one.add_argument("version", type=int)
    one = command("diff", diff, "vocabularies and metrics of two versions")
    one.add_argument("a", type=int)
    one.add_argument("b", type=int)
    one.add_argument(
        "--input", action="extend", nargs="+", metavar="F", help="rows (those of the later version)"
    )
    one.add_argument("--slice", action="append", metavar="S", default=[], help="such as 'age<30'")
    add_csv(one)
    one = command("rollback", rollback, "serve the version before, or another one")
    one.add_argument("version", type=int, nargs="?")
    one = command("prune", prune, "delete old versions, except their records")
    one.add_argument(
        "--keep", type=at_least_one, default=KEPT, metavar="N", help=f"of them ({KEPT})"
    )
    return parser


if __name__ == "__main__":
    main(run)
