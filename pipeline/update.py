"""Takes new rows into a model that is there: a new version, served if it is not worse.

    shared-weights update OUT --input 'new/*.parquet'

OUT is what `pipeline.run` has made, or the place of its versions at gs:// or s3://. Only files that
the served version does not have are new: these are compared with its training rows, and analysed.
Old values keep their ids, and training goes on from the weights that are there. Both files are
compared on the same held-out rows. Exit code 4 if the new one is refused; the earlier version is
then still served. The last line on standard output is JSON. docs/updating.md says more.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline import rows
from pipeline.distributions.distances import add_thresholds
from pipeline.failures import Exit, Failure, main
from pipeline.folders.versions import WorkFolder
from pipeline.rows.csv_dialect import add_csv, csv_of
from pipeline.running.processes import StageFailed
from pipeline.spec.file import add_set
from pipeline.storage import stores
from pipeline.updating import contents, decision, history, making, places, told
from pipeline.updating.making import Update
from pipeline.updating.places import KEPT, Place, at_least_one
from pipeline.updating.stages import ALL, LEARN, Asked
from pipeline.updating.version import REFUSED, Version


def run(arguments: Sequence[str]) -> None:
    """The command. Options that are not ours go to Beam, in the prepare stage."""
    started = time.monotonic()
    options, beam_options = _parser().parse_known_args(arguments)
    place = places.place_of(options.output)
    try:
        version = updated(place, options, beam_options)
    except StageFailed as failed:
        _end_with(failed.exit_code, str(failed))
        sys.exit(failed.exit_code)
    except Failure as failure:
        _end_with(failure.exit_code, str(failure))
        raise
    current = int(place.current() or 0)
    if version is None:
        print(f"no new rows: {options.output} stays as it is")
        print(json.dumps({"decision": "nothing new", "current": current}))
        return
    print("\n".join(told.lines(version)))
    print(told.json_line(version, current, time.monotonic() - started), flush=True)
    if version.decision == REFUSED:
        raise Failure(Exit.BAD_ROWS, f"version {version.number} is refused: {version.why}")


def _end_with(code: int, why: str) -> None:
    print(json.dumps({"decision": "failed", "why": why, "exit": int(code)}), flush=True)


def updated(
    place: Place, options: argparse.Namespace, beam_options: Sequence[str] = ()
) -> Version | None:
    """The new version, served or refused; None where there are no new rows.

    Raises StageFailed, and Failure: 2 where OUT is no run and has no versions, or earlier rows are
    gone, or values are numbered anew and a part alone learns; 3 where another update is at work.
    """
    if options.compact and options.learn != ALL:
        rule = "--compact numbers all values anew, so that all must learn on: --learn all"
        raise Failure(Exit.USAGE, rule, received=f"--learn {options.learn}")
    may_lose, given = decision.allowed(options.may_lose), rows.expand(options.input)
    first = options.first or (None if stores.is_object(place.path) else Path(place.path))
    if first is not None and not first.is_dir():
        raise Failure(Exit.USAGE, "must be a folder that pipeline.run has made", received=first)
    with place.held(), making.own_folder(place, options.work) as own:
        work = WorkFolder(own / "work")
        parent = places.settle(place)
        if parent is None and first is None:
            rule = f"{place.path} has no version yet: --from OUT names the run that is the first"
            raise Failure(Exit.USAGE, rule)
        parent = parent or making.first(place, Path(str(first)), work)
        was, found = _earlier(parent, options), contents.fingerprints(given)
        new = [path for path, said in found.items() if said not in {*parent.inputs.values()}]
        if not new:
            return None
        counted = was | {path: found[path] for path in new}
        left = {path: parent.inputs[path] for path in parent.left}
        asked = Asked(
            *(sorted(counted), new, options.set, options.max_bad_fraction, csv_of(options)),
            *(options.cache or own / "cache", options.infinity_norm, options.jensen_shannon),
            *(options.fail_on_drift, beam_options, parent.training),
            *("test" if parent.rows.get("test", 0) else "eval", options.learn, options.window),
            options.compact,
        )
        update = Update(place, parent, left | counted, asked, may_lose)
        earlier = update.earlier()
        version = update.again(earlier) if earlier else update.make(work)
        for number in places.prune(place, options.keep):
            print(f"update: version {number} is deleted, but for its record", file=sys.stderr)
        history.write(place, own)
    return version


def _earlier(parent: Version, options: argparse.Namespace) -> dict[str, str]:
    """The files that the parent has learned from, with their fingerprints."""
    learned = [path for path in parent.inputs if path not in parent.left]
    was = contents.fingerprints(learned)
    gone = [path for path in learned if path not in was]
    if gone and not options.without_missing:
        rule = "the files that the version before has learned from must be where they were, seen "
        rule += "from this folder; --without-missing goes on without those that are gone"
        raise Failure(Exit.USAGE, rule, received=", ".join(gone[:5]))
    return was


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.update",
        usage="%(prog)s OUT --input FILES [options]",
        description="New rows into a model that is there: a new version, if it is not worse.",
        epilog="Example: python -m pipeline.update OUT --input 'new/*.parquet' "
        "(options that are not ours go to Apache Beam)",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("output", metavar="OUT", help="what pipeline.run made, or its versions at gs:// or s3://")
    add(
        "--input",
        action="extend",
        nargs="+",
        required=True,
        metavar="F",
        help="files of rows, of which some are new",
    )
    add_csv(parser)
    said = "what a head's loss may grow by at most, such as 0.02, or HEAD=0.02 (0.01)"
    add("--may-lose", action="extend", nargs="+", default=[], metavar="SHARE", help=said)
    said = "how much learns on: all of the network, its heads, its common blocks, new ids (all)"
    add("--learn", choices=LEARN, default=ALL, help=said)
    said = "how far back rows count, such as 90d; older files are left out"
    add("--window", metavar="W", help=said)
    said = "number values anew: those that no row has any more lose their ids"
    add("--compact", action="store_true", help=said)
    add_set(parser)
    said = "the run that is the first version of a place that has none (OUT)"
    add("--from", dest="first", type=Path, metavar="RUN", help=said)
    said = f"how many versions stay whole ({KEPT})"
    add("--keep", type=at_least_one, default=KEPT, metavar="N", help=said)
    said = "go on without earlier files that are gone"
    add("--without-missing", action="store_true", help=said)
    said = "share of bad rows to tolerate (0.01)"
    add("--max-bad-fraction", type=float, default=0.01, metavar="S", help=said)
    add_thresholds(parser)
    add("--fail-on-drift", action="store_true", help="exit code 4 where the new rows drift")
    said = "where to work, to go on there after a kill (OUT/.update)"
    add("--work", type=Path, metavar="FOLDER", help=said)
    said = "keeps what is found in each file (in the folder to work in)"
    add("--cache", type=Path, metavar="FOLDER", help=said)
    return parser


if __name__ == "__main__":
    main(run)
