"""Compares two models on the same rows: `python -m serving.compare A B ROWS...`.

For each metric of the heads that both have: what A and B reach, the difference, and an interval of
it. Both models are drawn alike (kinds.heads.any.intervals), so rows that are hard for both are no
part of the difference. Without an interval that leaves 0 out, a difference is within noise. Rows
must fit both models. Needs onnxruntime, numpy and pyarrow only.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.charts import figure
from kinds.columns import cast
from kinds.heads.any.intervals import GroupSums, Interval, difference
from kinds.heads.metrics import KINDS, NO_MERIT
from kinds.heads.score import FileHead
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import write_text
from pipeline.rows import expand
from pipeline.rows.csv_dialect import AS_FOUND, Csv, add_csv, csv_of
from pipeline.sides import SIDES
from serving.evaluation import Evaluation, evaluation_of
from serving.evaluation.changed import Changed, lines
from serving.files.by_side import BySide
from serving.files.sources import check_columns, read
from serving.scorer import Scorer
from serving.scoring.options import positive

READ_ROWS = 8192
BETTER, WORSE, NOISE, UNKNOWN = "better", "worse", "within noise", "too few groups of rows"


@dataclass(frozen=True)
class Difference:
    """A metric of both models on the same rows; `difference` is b - a, None for an `interval` where
    there are too few groups. `said` is of B: better, worse or within noise."""

    a: float
    b: float
    difference: float
    interval: Interval | None
    said: str


@dataclass(frozen=True)
class Comparison:
    """{head: {metric: difference}} on so many `rows`; `slices` the same of each slice; `changed`
    the rows with another answer (serving.evaluation.changed)."""

    rows: int
    over: str
    heads: Mapping[str, Mapping[str, Difference]]
    slices: Mapping[str, Mapping[str, Mapping[str, Difference]]]
    changed: Mapping[str, Any] = field(default_factory=dict)

    def worse(self) -> list[str]:
        """The heads and metrics in which B is worse, beyond noise."""
        return [
            f"{head}: {metric}"
            for head, found in self.heads.items()
            for metric, one in found.items()
            if one.said == WORSE
        ]


def compare(
    a: str | Path,
    b: str | Path,
    files: Sequence[str],
    *,
    heads: Sequence[str] | None = None,
    side: Sequence[str] | None = None,
    slices: Sequence[str] = (),
    groups: Sequence[str] | None = None,
    changed: int | None = None,
    csv: Csv = AS_FOUND,
    workers: int | None = None,
) -> Comparison:
    """Of two model files on the rows of some files that hold targets.

    With `changed` also the rows whose first answer is another one, so many of each head by name.
    `side` are sides of both models' splits. Groups are those of A's split, or the columns named.
    Raises Failure 2 where the models have no head in common, 4 where no row fits both.
    """
    scorers = [Scorer(model, workers=1) for model in (a, b)]
    common = _common(scorers[0].heads(heads), scorers[1])
    weight = scorers[0].metadata.weight

    def of(model: str | Path) -> Evaluation:
        own = [h for h in Scorer(model, workers=1).heads() if h.name in common]
        return evaluation_of(
            *(model, own, weight, files), csv=csv, workers=workers, groups=groups, slices=slices
        )

    both = of(a), of(b)
    both[1].grouped_as(both[0])
    sides = [BySide(scorer.metadata, side, shown=False) for scorer in scorers]
    for one in sides:
        one.see(files, csv)
    answers = None if changed is None else Changed(scorers[0], scorers[1], common, changed)
    rows = sum(_add(files, scorers, both, sides, csv, answers))
    if not rows:
        raise Failure(Exit.BAD_ROWS, "rows must fit both models", received="no row that does")
    measured = [name for name in both[0].sums if name in both[1].sums]
    found = {n: _differences(both, n, _every(both, n), 0) for n in measured}
    said = {} if answers is None else answers.content()
    return Comparison(rows, both[0].over(), found, _of_slices(both, measured), said)


def _common(heads: Sequence[FileHead], other: Scorer) -> list[str]:
    kinds = {head.name: head.kind for head in other.heads()}
    found = [head.name for head in heads if kinds.get(head.name) == head.kind]
    if not found:
        received = f"{sorted(h.name for h in heads)} and {sorted(kinds)}"
        raise Failure(Exit.USAGE, "the models must have a head in common", received=received)
    return found


def _add(
    files: Sequence[str],
    scorers: Sequence[Scorer],
    both: Sequence[Evaluation],
    sides: Sequence[BySide],
    csv: Csv,
    answers: Changed | None,
) -> Iterator[int]:
    """How many rows of each batch fit both models."""
    columns = [c for s, e in zip(scorers, both, strict=True) for c in [*s.columns, *e.columns]]
    columns = list(dict.fromkeys([*columns, *(c for one in sides for c in one.columns)]))
    narrowed = False
    for file in files:
        check_columns(file, columns, csv)
        for raw in read(file, columns, READ_ROWS, csv):
            chosen = np.arange(raw.rows.num_rows)
            for one in sides:
                chosen = np.intersect1d(chosen, one.of(file, raw)[0])
            for scorer in scorers:
                _, good, _ = cast(raw.rows.take(pa.array(chosen)), scorer.metadata.fields)
                chosen = chosen[good]
            rows = raw.rows.take(pa.array(chosen))
            typed = [cast(rows, scorer.metadata.fields)[0] for scorer in scorers]
            if len(chosen) and not narrowed:
                _narrow(both, [one.slice(0, 1) for one in typed])
                narrowed = True
            for evaluation, one in zip(both, typed, strict=True):
                evaluation.add(one, rows)
            if answers is not None:
                answers.add(typed, rows)
            yield len(chosen)


def _narrow(both: Sequence[Evaluation], a_row: Sequence[pa.RecordBatch]) -> None:
    """To the labels that both models have, in the order of A's: what only one of them knows is any
    other value to both, so that a vocabulary that has grown makes neither better nor worse."""
    own = [evaluation.labels(row) for evaluation, row in zip(both, a_row, strict=True)]
    a, b = own
    common = {name: one.filter(pc.is_in(one, value_set=b[name])) for name, one in a.items()}
    if lost := [name for name, labels in common.items() if not len(labels)]:
        rule = "the heads of both models must have a label in common"
        raise Failure(Exit.USAGE, rule, received=f"none of {lost[0]!r}")
    for evaluation, labels in zip(both, own, strict=True):
        evaluation.narrow(common, labels)


def _every(both: Sequence[Evaluation], name: str) -> tuple[GroupSums, GroupSums]:
    return both[0].sums[name].every, both[1].sums[name].every


def _of_slices(
    both: Sequence[Evaluation], heads: Sequence[str]
) -> dict[str, dict[str, dict[str, Difference]]]:
    found: dict[str, dict[str, dict[str, Difference]]] = {}
    for head in heads:
        for (one, sums), (_, others) in zip(*(e.sums[head].slices for e in both), strict=True):
            for at, name in enumerate(one.names()):
                if name and sums.rows[at].any():
                    own = _differences(both, head, (sums, others), at)
                    found.setdefault(name, {})[head] = own
    return found


def _differences(
    both: Sequence[Evaluation], name: str, sums: tuple[GroupSums, GroupSums], at: int
) -> dict[str, Difference]:
    kind = KINDS[both[0].sums[name].head.kind]
    a, b = (one.metrics(at) for one in sums)
    drawn = difference(sums[1], sums[0], at)

    def said(metric: str) -> str:
        if metric not in drawn:
            return UNKNOWN
        low, high = drawn[metric][1]
        if low <= 0 <= high:
            return NOISE
        return (
            BETTER
            if kind.shortfall(metric, b[metric]) < kind.shortfall(metric, a[metric])
            else WORSE
        )

    return {
        metric: Difference(
            value,
            b[metric],
            b[metric] - value,
            drawn[metric][1] if metric in drawn else None,
            said(metric),
        )
        for metric, value in a.items()
        if metric in b and (metric == "expected_calibration_error" or metric not in NO_MERIT)
    }


def table(title: str, found: Mapping[str, Difference]) -> Iterator[str]:
    """A line for each metric, under those of the models."""
    width = max(len(title), *map(len, found))
    yield f"{title:<{width}}  {'A':>10}  {'B':>10}  {'B - A':>10}"
    for metric, one in found.items():
        values = "  ".join(f"{figure(value):>10}" for value in (one.a, one.b, one.difference))
        between = "" if one.interval is None else "  {} to {}".format(*map(figure, one.interval))
        yield f"{metric:<{width}}  {values}{between}  {one.said}"


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    found = compare(
        *(options.a, options.b, expand(options.rows)),
        heads=options.heads,
        side=options.side,
        slices=options.slice,
        groups=options.groups,
        changed=options.changed,
        csv=csv_of(options),
    )
    if options.output:
        write_text(Path(options.output), json.dumps(asdict(found), indent=2) + "\n")
    for head, own in found.heads.items():
        print("\n".join(table(head, own)))
    for name, of_heads in found.slices.items():
        for head, own in of_heads.items():
            print("\n".join(table(f"{head}, {name}", own)))
    print("".join(f"{line}\n" for line in lines(found.changed)), end="")
    print(f"{found.rows:,} rows; {found.over}")
    if options.fail_if_worse and (worse := found.worse()):
        raise Failure(Exit.BAD_ROWS, "B must not be worse than A", received=", ".join(worse))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.compare",
        usage="%(prog)s A B ROWS [ROWS ...] [options]",
        description="Whether B is better than A on rows with targets, and beyond noise.",
        epilog="Example: python -m serving.compare before.onnx after.onnx 'rows/*.csv' --side test",
    )
    parser.add_argument("a", metavar="A", help="model.onnx, its .sha256 beside it")
    parser.add_argument("b", metavar="B", help="the other model")
    parser.add_argument(
        "rows", metavar="ROWS", nargs="+", help="files or globs of rows with targets"
    )
    add_csv(parser)
    parser.add_argument("--heads", action="extend", nargs="+", metavar="H", help="these heads only")
    said = f"only rows of these sides of both models' splits: {', '.join(SIDES)}"
    parser.add_argument("--side", action="extend", nargs="+", metavar="S", choices=SIDES, help=said)
    said = "a slice: a column, or a condition such as 'age<30'"
    parser.add_argument("--slice", action="append", metavar="S", default=[], help=said)
    said = "columns whose equal rows are alike (default: those of A's split)"
    parser.add_argument("--groups", action="extend", nargs="+", metavar="COL", help=said)
    said = "also count rows whose first answer is another one, and show N of them"
    parser.add_argument("--changed", type=positive, metavar="N", help=said)
    parser.add_argument("--output", metavar="FILE", help="the same as JSON")
    said = "exit code 4 where B is worse in a metric, beyond noise"
    parser.add_argument("--fail-if-worse", action="store_true", help=said)
    return parser


if __name__ == "__main__":
    main(run)
