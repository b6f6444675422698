"""Options of `pipeline.run`, and which of them go together."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.failures import Exit, Failure
from pipeline.preparing.inferring.wishes import add_wishes, wishes_of
from pipeline.rows.csv_dialect import add_csv
from pipeline.running.stages import ALL, STAGES
from pipeline.sides import SIDES
from pipeline.spec.file import add_set


def parsed(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and those that are not ours: Beam's. Raises Failure 2 where prepare does not
    run."""
    made = parser()
    options, beam_options = made.parse_known_args(arguments)
    if options.spec is not None and wishes_of(options).any:
        made.error("what is said about the rows goes without --spec: a spec says it itself")
    if beam_options and "prepare" not in options.stages:
        rule = "options that are not ours are Beam's, for the prepare stage alone"
        raise Failure(Exit.USAGE, rule, received=" ".join(beam_options))
    return options, beam_options


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m pipeline.run",
        usage="%(prog)s [--spec FILE | --target COLUMN] --input FILES --output OUT [options]",
        # All options once more would not leave room for them on a screen.
        description="Raw rows to one ONNX file and scored rows.",
        epilog="Example: python -m pipeline.run --input rows.csv --target COLUMN --output OUT "
        "(options that are not ours go to Apache Beam)",
        allow_abbrev=False,
    )
    _add_files(made)
    _add_choices(made)
    _add_time(made)
    _add_switches(made)
    return made


def _add_files(made: argparse.ArgumentParser) -> None:
    """What is read, how, and where the results go."""
    said = "a YAML file (without one it is made from the rows)"
    made.add_argument("--spec", metavar="FILE", help=said)
    add_wishes(made)
    add_set(made)
    made.add_argument(
        "--input", action="extend", nargs="+", required=True, metavar="F", help="files of raw rows"
    )
    add_csv(made)
    made.add_argument("--output", type=Path, required=True, help="folder for all results")


def _add_choices(made: argparse.ArgumentParser) -> None:
    """Which stages, and which rows and columns of them."""
    made.add_argument(
        "--stages",
        type=_stages,
        default=STAGES,
        help=f"of {','.join(STAGES)} (all)",
    )
    made.add_argument(
        "--score",
        action="extend",
        nargs="+",
        metavar="F",
        help="the rows to score (those that it was not trained on)",
    )
    made.add_argument(
        "--side",
        action="extend",
        nargs="+",
        choices=(*SIDES, ALL),
        metavar="S",
        help=f"score the rows of {', '.join(SIDES)} or {ALL} (eval test)",
    )
    made.add_argument(
        "--fold",
        metavar="3/5",
        help="test on the third fifth of the rows (pipeline.folds)",
    )
    made.add_argument(
        "--keep",
        action="extend",
        nargs="+",
        default=[],
        metavar="C",
        help="more columns to carry into the scores",
    )
    made.add_argument(
        "--max-bad-fraction",
        type=float,
        default=0.01,
        metavar="S",
        help="share of bad rows to tolerate (0.01)",
    )


def _add_time(made: argparse.ArgumentParser) -> None:
    """How long it may take."""
    length = made.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, help="how long all of it may take, with `training: auto` (5)"
    )
    length.add_argument(
        "--quick", action="store_true", help="a first answer in about half a minute"
    )


def _add_switches(made: argparse.ArgumentParser) -> None:
    """What is done or shown otherwise."""
    made.add_argument("--force", action="store_true", help="replace results of other inputs")
    made.add_argument(
        "--show-test", action="store_true", help="show the metrics on test, too, not on eval alone"
    )
    made.add_argument(
        "--print-config", action="store_true", help="print the whole spec and the stages, and end"
    )


def _stages(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in STAGES]:
        raise Failure(Exit.USAGE, f"--stages takes {','.join(STAGES)}", received=",".join(unknown))
    return names
