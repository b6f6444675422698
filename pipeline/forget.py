"""Takes rows out of files, and lists what is still to be made anew without them.

    python -m pipeline.forget customer=42 'rows/*.csv' --under OUT
    python -m pipeline.forget customer=42 'rows/*.csv' --under OUT --in-place
    python -m pipeline.forget customer --list asked.txt 'rows/*.csv' --under OUT --output clean

The first says in which files such rows are. With --in-place or --output these files are written
without them, and what caches of prepare hold of them is deleted, so that the next prepare counts
them anew. Started again it lists what is left to do; when it lists nothing, all is done.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kinds.charts import counted
from pipeline import rows
from pipeline.failures import Exit, Failure, main
from pipeline.folders import cache
from pipeline.forgetting import rewriting
from pipeline.forgetting.made_from import Made, MadeFrom
from pipeline.forgetting.meant import FoundIn, Meant, find
from pipeline.rows.csv_dialect import Csv, add_csv, csv_of
from pipeline.storage import stores

# Numbers of rows that cannot be read, in a line.
SHOWN = 5


def run(arguments: Sequence[str]) -> None:
    options = _arguments(arguments)
    meant, paths, csv = _meant(options), rows.expand(options.files), csv_of(options)
    for path in paths:
        rows.check_writable(path)
    targets = _targets(paths, options.output) if options.output else {p: Path(p) for p in paths}
    states = {path: stores.state(path) for path in paths}
    files = [find(path, meant, csv) for path in paths]
    print("\n".join(line for found in files for line in _found_lines(found)))
    those = [found for found in files if len(found.meant)]
    found_rows = counted(sum(len(found.meant) for found in those), "row")
    print(f"{found_rows} in {len(those):,} of {counted(len(files), 'file')}")
    # Before files are written: fingerprints are of what they were.
    made = [one for under in options.under for one in MadeFrom(under, files).all()]
    if options.output or options.in_place:
        folders = [*options.under, *options.cache]
        for found in those:
            _take_out(found, targets[found.path], meant, csv, states[found.path], folders)
    elif those:
        print("nothing is written: --in-place or --output FOLDER does that")
    print("\n".join(_made_lines(made, options.under)))


def _take_out(
    found: FoundIn, to: Path, meant: Meant, csv: Csv, state: str | None, folders: Sequence[Path]
) -> None:
    # Deleted first: what is left after a kill is found by the file, which still has the rows.
    content = stores.fingerprint(found.path)
    dropped = sum(cache.drop(folder, content) for folder in folders)
    to.parent.mkdir(parents=True, exist_ok=True)
    rewriting.write(found, to, meant, csv, state)
    cached = f"; {dropped} cached analyses of it are deleted" if dropped else ""
    print(f"wrote {to} with {found.left:,} rows{cached}", flush=True)


def _targets(paths: Sequence[str], output: Path) -> dict[str, Path]:
    """Where each file goes. Raises Failure: 2 for two of one name, 3 where one is there."""
    found = {path: output / Path(path).name for path in paths}
    twice = [str(to) for to, count in Counter(found.values()).items() if count > 1]
    if twice:
        rule = "files that are written to one folder must have different names"
        raise Failure(Exit.USAGE, rule, received=", ".join(twice))
    if there := [str(to) for to in found.values() if to.exists()]:
        rule = "--output writes no file over another; --in-place does"
        raise Failure(Exit.OCCUPIED, rule, received=", ".join(there))
    return found


def _found_lines(found: FoundIn) -> list[str]:
    said = [f"{found.path}: {len(found.meant):,} of {found.rows:,} rows"]
    if found.unreadable:
        numbers = [f"{one.row:,}" for one in found.unreadable[:SHOWN]]
        more = ", ..." if len(found.unreadable) > SHOWN else ""
        said.append(
            f"  {len(found.unreadable):,} rows cannot be read and stay, whosever they are: "
            f"{', '.join(numbers)}{more}"
        )
    return said


def _made_lines(made: Sequence[Made], under: Sequence[Path]) -> list[str]:
    where = ", ".join(map(str, under))
    if not made:
        return [f"below {where} nothing is to be made anew"] if under else []
    said = [f"below {where} are still to be made anew, in this order:"]
    for one in made:
        said += [f"  {one.path} {one.why}", *[f"    {one.command}"] * bool(one.command)]
    return said


def _meant(options: argparse.Namespace) -> dict[str, list[str]]:
    """Raises Failure 2 where it is not said which values are meant."""
    found: dict[str, list[str]] = {}
    column, is_said, value = options.rows.partition("=")
    if options.list:
        if is_said:
            rule = "with --list there must be a column alone: the values are in the file"
            raise Failure(Exit.USAGE, rule, received=options.rows)
        found[column] = _listed(options.list)
    for one in [*options.also, *[options.rows] * (not options.list)]:
        column, _, value = one.partition("=")
        if not column or not value:
            rule = "rows must be told by COLUMN=VALUE, or by COLUMN and --list FILE"
            raise Failure(Exit.USAGE, rule, received=one)
        found.setdefault(column, []).append(value)
    return found


def _listed(path: Path) -> list[str]:
    """The values of a file, one a line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (FileNotFoundError, UnicodeDecodeError):
        rule = "--list must name a file of UTF-8 text with a value on each line"
        raise Failure(Exit.USAGE, rule, received=path) from None
    values = [value for line in lines if (value := line.removesuffix("\r"))]
    if not values:
        raise Failure(Exit.USAGE, "--list must name a file with values", received=path)
    return values


def _folder(text: str) -> Path:
    if stores.is_object(text) or not Path(text).is_dir():
        rule = "must be a folder of this machine"
        raise argparse.ArgumentTypeError(f"{rule}. Received: {text}")
    return Path(text)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.forget",
        usage="%(prog)s COLUMN=VALUE FILE ... [--under OUT] [--in-place | --output FOLDER]",
        description="Takes rows out of files, and lists what is still to be made anew.",
        epilog="Example: python -m pipeline.forget customer=42 'rows/*.csv' --under OUT --in-place",
        allow_abbrev=False,
    )
    parser.add_argument("rows", metavar="COLUMN=VALUE", help="rows with this value; see --list")
    parser.add_argument("files", nargs="+", metavar="FILE", help="paths or globs of rows")
    said = "rows with this one go, too"
    parser.add_argument("--also", action="append", default=[], metavar="COLUMN=VALUE", help=said)
    said = "values, one a line; then COLUMN stands alone"
    parser.add_argument("--list", type=Path, metavar="F", help=said)
    add_csv(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--in-place", action="store_true", help="write the files in their places")
    said = "write files that had such rows here, under their names"
    where.add_argument("--output", type=Path, metavar="FOLDER", help=said)
    said = "list what below it was made from such rows, and delete it from caches there"
    parser.add_argument(
        "--under", action="extend", nargs="+", type=_folder, default=[], metavar="OUT", help=said
    )
    said = "caches of prepare that lie elsewhere"
    parser.add_argument(
        "--cache", action="extend", nargs="+", type=_folder, default=[], metavar="C", help=said
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(run)
