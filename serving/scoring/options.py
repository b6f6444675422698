"""Options of `serving.score`, and the counts that other commands take as well."""

import argparse
from functools import partial
from pathlib import Path

from pipeline.distributions.distances import add_thresholds
from pipeline.rows.csv_dialect import add_csv
from pipeline.sides import SIDES
from serving.files.by_side import COLUMN
from serving.files.streams import FORMATS
from serving.model_file.top_k import MOST_LABELS
from serving.scoring.asked import add_further
from serving.scoring.limits import add_limits

ABOUT = """
Scores files of raw rows: `python -m serving.score --model MODEL --input GLOB --output FILE` writes
a row for each that fits the model; docs/scoring.md tells the rest.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m serving.score",
        # All options once more would not leave room for them on a screen.
        usage="%(prog)s --model MODEL --input FILES --output FILE [options]",
        description=ABOUT,
        formatter_class=partial(argparse.HelpFormatter, max_help_position=34, width=100),
    )
    made.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    said = "files or globs of rows, or -"
    made.add_argument(
        "--input", required=True, action="extend", nargs="+", metavar="FILES", help=said
    )
    said = ".parquet, .arrow, .csv[.gz] or .jsonl[.gz], or -"
    made.add_argument("--output", required=True, metavar="FILE", help=said)
    said = f"of what - stands for: {', '.join(FORMATS)}"
    made.add_argument("--format", choices=FORMATS, metavar="F", help=said)
    add_csv(made)
    made.add_argument("--raw-csv", action="store_true", help="no ' before =, +, - or @ in CSV")
    made.add_argument("--force", action="store_true", help="replace an output that exists")
    made.add_argument(
        "--workers", type=positive, metavar="N", help="threads (default: one per core)"
    )
    said = "refuse a model without its signature (serving.sign)"
    made.add_argument("--require-signature", type=Path, metavar="KEY", help=said)
    _add_columns(made)
    add_limits(made)
    add_answers(made)
    said = "rows farther than D, or hardly known, to a file of their own"
    add_further(made).add_argument("--flag-unknown", type=float, metavar="D", help=said)
    _add_metrics(made)
    _add_drift(made)
    return made


def _add_columns(made: argparse.ArgumentParser) -> None:
    """What is scored, and which columns come out."""
    group = made.add_argument_group("which rows and columns come out")
    group.add_argument(
        "--top-k", type=positive, metavar="K", help="labels per head (default: the model's)"
    )
    group.add_argument("--heads", action="extend", nargs="+", metavar="H", help="these heads only")
    said = "more columns to carry along"
    group.add_argument("--keep", action="extend", nargs="+", metavar="COL", default=[], help=said)
    said = f"rows of these sides only: {', '.join(SIDES)}"
    group.add_argument("--side", action="extend", nargs="+", metavar="S", choices=SIDES, help=said)
    group.add_argument("--with-side", action="store_true", help=f"add the column {COLUMN!r}")
    said = "no scores of labels: faster, the same labels"
    group.add_argument("--labels-only", action="store_true", help=said)
    said = "a row for each rank: head, rank, label, score"
    group.add_argument("--long", action="store_true", help=said)


def share(text: str) -> float:
    """A number between 0 and 1 on the command line."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1. Received: {text:.40}")
    return found


def add_answers(made: argparse.ArgumentParser) -> None:
    """What answers there are beside the best labels and plain numbers."""
    group = made.add_argument_group("how sure")
    said = "sets and intervals that hold the truth this often, such as 0.9"
    group.add_argument("--coverage", type=share, metavar="C", help=said)
    said = "no labels with a lower score; an empty list means no answer"
    group.add_argument("--min-score", type=share, metavar="S", help=said)
    said = "yes or no for binary heads, by the model's threshold"
    group.add_argument("--answers", action="store_true", help=said)


def _add_metrics(made: argparse.ArgumentParser) -> None:
    """How good the scores of all rows are."""
    group = made.add_argument_group("how good, for rows with targets")
    group.add_argument("--evaluate", action="store_true", help="metrics with intervals")
    said = "the same for slices, by a column or a condition ('age<30')"
    group.add_argument("--slice", action="append", metavar="S", default=[], help=said)
    said = "the same by labels and unknown values, and the worst slices"
    group.add_argument("--slices", action="store_true", help=said)
    said = "intervals over groups of equal COL (default: the split's)"
    group.add_argument("--groups", action="extend", nargs="+", metavar="COL", help=said)


def _add_drift(made: argparse.ArgumentParser) -> None:
    """How far all rows together are from the training rows."""
    group = made.add_argument_group("drift")
    said = "how far the rows are from the training rows"
    group.add_argument("--drift", action="store_true", help=said)
    said = "exit code 4 if they are too far"
    group.add_argument("--fail-on-drift", action="store_true", help=said)
    add_thresholds(group)


def positive(text: str) -> int:
    """A count on the command line."""
    # Python takes long for the digits of a long one, or refuses them.
    is_count = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_LABELS))
    if not is_count or not 1 <= int(text) <= MOST_LABELS:
        rule = f"must be a whole number from 1 to {MOST_LABELS:,}"
        raise argparse.ArgumentTypeError(f"{rule}. Received: {text:.40}")
    return int(text)
