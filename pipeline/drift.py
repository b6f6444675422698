"""How far rows are from those that a model was trained on.

    python -m pipeline.drift --data OUT/data --input 'new/*.csv' [--json FILE] [--fail-on-drift]

Reads new rows, labelled or not, and holds every input, and every head whose column is there,
against the statistics of prepared data (pipeline.distributions.distances); of memories, in how many
rows they know the value. Scoring does so with the inputs of the rows that it scores, by what the
model knows: `python -m serving.score --drift`.

A missing input or a column of another type ends with exit code 4; a distance above its threshold
is a warning, or exit code 4 too with --fail-on-drift. No Beam, no TensorFlow.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kinds.analysis import Analysis
from kinds.columns import cast
from pipeline import manifest, rows
from pipeline.distributions import Distribution
from pipeline.distributions.distances import Distance, Drift, add_thresholds, limits
from pipeline.distributions.drift_counter import DriftCounter
from pipeline.distributions.memory_drift import MemoryDrift
from pipeline.failures import Exit, Failure, main
from pipeline.fields import analyses_of, fields_of, later_inputs
from pipeline.folders.data import DataFolder
from pipeline.rows.csv_dialect import AS_FOUND, Csv, add_csv, csv_of


def run(argv: Sequence[str]) -> None:
    options = _arguments(argv)
    old = distributions(options.data)
    data, csv = DataFolder(options.data), csv_of(options)
    new = NewRows(data, old, rows.expand(options.input), options.max_bad_fraction, csv)
    found = Drift(new.count, list(new.distances()), limits(options), later_inputs(data.spec))
    print("\n".join(found.lines()))
    if options.json:
        manifest.write_text(options.json, json.dumps(found.content(), indent=2))
    if options.fail_on_drift:
        found.fail()


def distributions(data: Path) -> Mapping[str, Distribution]:
    """Those of the training rows of prepared data. Raises Failure: 2 where it has none, 5 where
    the folder was changed."""
    found = DataFolder(data).verified().statistics.distributions
    # Texts had no "unlisted" once.
    if not found or not all("unlisted" in one or "top" not in one for one in found.values()):
        raise Failure(Exit.USAGE, "the folder must be prepared again", received=data)
    return found


class NewRows:
    """New rows: how many there are and how many are bad, and their values, counted."""

    def __init__(
        self,
        data: DataFolder,
        old: Mapping[str, Distribution],
        paths: Sequence[str],
        max_bad_fraction: float,
        csv: Csv = AS_FOUND,
    ) -> None:
        self.count, self._csv = 0, csv
        self._bad: Counter[str] = Counter()
        spec, fields = data.spec, fields_of(data.spec)
        analyses = {
            name: one
            for name, one in analyses_of(spec, fields).items()
            if name in spec.inputs or _all_have(paths, one, csv)
        }
        self._fields = list(dict.fromkeys(one.field for one in analyses.values()))
        self.counter, self._memories = DriftCounter(analyses, old), MemoryDrift(data, fields)
        for path in paths:
            self._read(path)
        self._check(max_bad_fraction)

    def distances(self) -> Iterator[Distance]:
        yield from self.counter.distances()
        yield from self._memories.distances()

    def _read(self, path: str) -> None:
        columns = list(dict.fromkeys(field.column for field in self._fields))
        names = rows.column_names(path, self._csv)
        lacking = [name for name in columns if name not in names]
        if lacking and not rows.is_loose(path):
            rule = f"{path} must have the columns of the model's inputs"
            raise Failure(Exit.BAD_ROWS, rule, received=f"without {lacking}")
        for raw in rows.read(path, columns, csv=self._csv):
            try:
                typed, _, rejected = cast(raw.rows, self._fields)
            except Failure as failure:
                raise Failure(Exit.BAD_ROWS, f"{path}: {failure}") from None
            self.count += raw.rows.num_rows + len(raw.broken)
            self._bad.update(bad.why for bad in [*raw.broken, *rejected])
            self.counter.add(typed)
            self._memories.add(typed)

    def _check(self, max_bad_fraction: float) -> None:
        if self.count == 0:
            raise Failure(Exit.BAD_ROWS, "the input must have rows", received="none")
        if self._bad.total() > max_bad_fraction * self.count:
            rule = f"at most {max_bad_fraction:.2%} of the rows may be bad (--max-bad-fraction)"
            often = ", ".join(f"{count:,} {why}" for why, count in self._bad.most_common(3))
            raise Failure(Exit.BAD_ROWS, rule, received=f"of {self.count:,} rows {often}")


def _all_have(paths: Sequence[str], one: Analysis, csv: Csv) -> bool:
    return all(one.field.column in rows.column_names(path, csv) for path in paths)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.drift",
        epilog="Example: python -m pipeline.drift --data OUT/data --input 'new/*.csv'",
        allow_abbrev=False,
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder that prepare made")
    parser.add_argument(
        "--input", action="extend", nargs="+", required=True, metavar="FILES", help="new rows"
    )
    add_csv(parser)
    add_thresholds(parser)
    parser.add_argument("--max-bad-fraction", type=float, default=0.01, metavar="SHARE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes all distances here")
    parser.add_argument("--fail-on-drift", action="store_true", help="exit code 4 for a warning")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(run)
