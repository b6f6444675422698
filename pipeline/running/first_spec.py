"""The first spec of a run without one: made from the rows, and kept in the output folder."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.failures import Exit, Failure
from pipeline.fields import named
from pipeline.folders.output import Output
from pipeline.preparing.inferring.wishes import wishes_of
from pipeline.rows.csv_dialect import csv_of
from pipeline.spec import Spec
from pipeline.spec.file import read_spec

SHOWN = 10


def first_spec(options: argparse.Namespace) -> Path:
    """The path of the spec that is in the output folder, or is written there from the rows.

    Raises Failure 3 where a spec is there that predicts something else.
    """
    # Looks at all rows, which a run with a spec has no use for.
    from pipeline import rows
    from pipeline.preparing import infer

    path, said = Output(options.output).spec, wishes_of(options)
    if path.exists() and not options.force:
        own = read_spec(path)
        there = [_predicted(own, name) for name in own.heads]
        if said.targets and {*there} != {*said.targets}:
            rule = f"{path} must predict what --target says; --force writes it anew"
            raise Failure(Exit.OCCUPIED, rule, received=f"it predicts {', '.join(there)}")
        print(f"spec: {path} is there and stays; --force writes it anew", file=sys.stderr)
        return path
    print("── look at the rows ──", file=sys.stderr, flush=True)
    found = infer.first(rows.expand(options.input), csv_of(options), said)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(found.text, encoding="utf-8")
    print(f"spec: wrote {path}, with a reason for each decision", file=sys.stderr)
    for line in (*_told("left out", found.left_out), *_told("doubtful", found.doubts)):
        print(line, file=sys.stderr, flush=True)
    return path


def _told(what: str, reasons: Mapping[str, str]) -> Iterator[str]:
    """What the model does not read, or perhaps should not, and why: this is where a first spec is
    most often wrong."""
    for column, why in list(reasons.items())[:SHOWN]:
        yield f"  {what}: {named(column)}: {why}"
    if len(reasons) > SHOWN:
        yield f"  and {len(reasons) - SHOWN:,} more, each with its reason in the spec"


def _predicted(spec: Spec, head: str) -> str:
    """The column that a head predicts, or the list whose next elements it does."""
    followed = spec.followed().get(head)
    return spec.input_columns(followed)[0] if followed else spec.head_column(head)
