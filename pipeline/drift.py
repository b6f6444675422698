"""How far rows are from those that a model was trained on.

    python -m pipeline.drift --data OUT/data --input 'new/*.csv' [--json FILE] [--fail-on-drift]

Reads new rows, labelled or not, and holds every input, and every head whose column is there,
against statistics.json of prepared data. Measures and names are TensorFlow Data Validation's
(pipeline.distributions). Its thresholds have no defaults; its guide's are 0.01, and so are ours.
Chance alone makes distances of that size among few rows: some thousand are wanted.

A missing input or a column of another type ends with exit code 4; a distance above its threshold
is a warning, or exit code 4 too with --fail-on-drift. No Beam, no TensorFlow.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline import manifest, rows
from pipeline import spec as specs
from pipeline.casting import Rejected, cast
from pipeline.counting import Counts, with_values
from pipeline.distributions import (
    COUNTED,
    Distribution,
    bucket_counts,
    counted_masses,
    edges,
    jensen_shannon,
    l_infinity,
    masses,
    of_texts,
)
from pipeline.failures import Exit, Failure, main
from pipeline.fields import fields_of
from pipeline.plan import Source, numbers, sources_of, texts

THRESHOLD = 0.01
L_INFINITY, JENSEN_SHANNON = "infinity_norm", "jensen_shannon_divergence"
_ANOMALIES = {
    L_INFINITY: "COMPARATOR_L_INFTY_HIGH",
    JENSEN_SHANNON: "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
}


@dataclass(frozen=True)
class Distance:
    """Between the distributions of one input or head; `value` has the greatest difference of a
    category's values, None where that is a missing one."""

    of: str
    measure: str
    distance: float
    value: str | None = None

    def anomaly(self, threshold: float) -> dict[str, str]:
        """The warning that it is above its threshold, as statistics.json has them."""
        what = "Linfty distance" if self.measure == L_INFINITY else "Jensen-Shannon divergence"
        said = f"the {what} is {self.distance:.4f}, above the threshold {threshold:g}"
        if self.measure == L_INFINITY:
            value = "a missing one" if self.value is None else json.dumps(self.value)
            said += f"; the value with the greatest difference is {value}"
        return {"anomaly": _ANOMALIES[self.measure], "of": self.of, "said": said}


def run(argv: Sequence[str]) -> None:
    options = _arguments(argv)
    old = distributions(options.data)
    spec = specs.Spec.model_validate_json((options.data / "spec.json").read_bytes())
    seen = Seen(spec, old, rows.expand(options.input), options.max_bad_fraction)
    found = list(seen.distances(old))
    limits = {L_INFINITY: options.infinity_norm, JENSEN_SHANNON: options.jensen_shannon}
    warnings = above(found, limits)
    print("\n".join(_table(found, seen.rows, limits)))
    if options.json:
        said = {"rows": seen.rows, "distances": [asdict(one) for one in found]}
        manifest.write_text(options.json, json.dumps(said | {"warnings": warnings}, indent=2))
    if options.fail_on_drift:
        fail_on(warnings)


def distributions(data: Path) -> dict[str, Distribution]:
    """Those of the training rows of prepared data. Raises Failure: 2 where it has none, 5 where
    the folder was changed."""
    manifest.verify(data, stage="data")
    said = json.loads((data / "statistics.json").read_text(encoding="utf-8"))
    if "distributions" not in said:
        raise Failure(Exit.USAGE, "the folder must be prepared again", received=data)
    found: dict[str, Distribution] = said["distributions"]
    return found


def between(old: Mapping[str, Distribution], new: Mapping[str, Distribution]) -> Iterator[Distance]:
    """The distances of what both have, as the same kind."""
    for name in (name for name in new if name in old):
        one, other = old[name], new[name]
        if "top" in one and "top" in other:
            yield Distance(name, L_INFINITY, *l_infinity(one, other))
        elif "top" not in one and "top" not in other:
            borders = edges(one)
            divergence = jensen_shannon(masses(one, borders), masses(other, borders))
            yield Distance(name, JENSEN_SHANNON, divergence)


def above(distances: Sequence[Distance], limits: Mapping[str, float]) -> list[dict[str, str]]:
    return [
        one.anomaly(limits[one.measure]) for one in distances if one.distance > limits[one.measure]
    ]


def fail_on(warnings: Sequence[dict[str, str]]) -> None:
    """Raises Failure 4 where there are warnings."""
    if warnings:
        rule = "the rows must be spread as the training rows were (--fail-on-drift)"
        raise Failure(Exit.BAD_ROWS, rule, received=", ".join(one["of"] for one in warnings))


class Seen:
    """New rows, counted in the buckets and under the names of the training rows."""

    def __init__(
        self,
        spec: specs.Spec,
        old: Mapping[str, Distribution],
        paths: Sequence[str],
        max_bad_fraction: float,
    ) -> None:
        self.rows = 0
        self._bad: Counter[str] = Counter()
        self._sources = {
            name: source
            for name, source in sources_of(spec, fields_of(spec)).items()
            if name in spec.inputs or _all_have(paths, source)
        }
        self._missing: Counter[str] = Counter()
        self._texts = {
            n: Counts(limit=COUNTED) for n, s in self._sources.items() if not s.is_number
        }
        self._edges = {n: edges(old[n]) for n, s in self._sources.items() if s.is_number}
        self._buckets = {n: np.zeros(len(at) + 1, np.int64) for n, at in self._edges.items()}
        self._values: Counter[str] = Counter()
        for path in paths:
            self._read(path)
        self._check(max_bad_fraction)

    def distances(self, old: Mapping[str, Distribution]) -> Iterator[Distance]:
        for name, counts in self._texts.items():
            new = of_texts(counts, self._values[name], self._missing[name])
            yield Distance(name, L_INFINITY, *l_infinity(old[name], new))
        for name, buckets in self._buckets.items():
            expected = masses(old[name], self._edges[name])
            found = counted_masses(buckets, self._missing[name])
            yield Distance(name, JENSEN_SHANNON, jensen_shannon(expected, found))

    def _read(self, path: str) -> None:
        columns = list(dict.fromkeys(source.field.column for source in self._sources.values()))
        fields = list(dict.fromkeys(source.field for source in self._sources.values()))
        lacking = [name for name in columns if name not in rows.column_names(path)]
        if lacking:
            rule = f"{path} must have the columns of the model's inputs"
            raise Failure(Exit.BAD_ROWS, rule, received=f"without {lacking}")
        for raw in rows.read(path, columns):
            try:
                typed, _, rejected = cast(raw.rows, fields)
            except Failure as failure:
                raise Failure(Exit.BAD_ROWS, f"{path}: {failure}") from None
            self.rows += raw.rows.num_rows + len(raw.broken)
            self._bad.update(_reason(bad) for bad in [*raw.broken, *rejected])
            self._add(typed)

    def _add(self, typed: pa.RecordBatch) -> None:
        for name, counts in self._texts.items():
            values, missing = texts(typed, self._sources[name])
            self._texts[name] = with_values(counts, values)
            self._values[name] += len(values)
            self._missing[name] += missing
        for name, borders in self._edges.items():
            column = numbers(typed, self._sources[name])
            there = column[~np.isnan(column)].astype(np.float64)
            self._buckets[name] += bucket_counts(there, borders)
            self._missing[name] += len(column) - len(there)

    def _check(self, max_bad_fraction: float) -> None:
        if self.rows == 0:
            raise Failure(Exit.BAD_ROWS, "the input must have rows", received="none")
        if self._bad.total() > max_bad_fraction * self.rows:
            rule = f"at most {max_bad_fraction:.2%} of the rows may be bad (--max-bad-fraction)"
            often = ", ".join(f"{count:,} {why}" for why, count in self._bad.most_common(3))
            raise Failure(Exit.BAD_ROWS, rule, received=f"of {self.rows:,} rows {often}")


def _all_have(paths: Sequence[str], source: Source) -> bool:
    return all(source.field.column in rows.column_names(path) for path in paths)


def _reason(bad: Rejected) -> str:
    return f"{bad.reason} in {bad.column!r}" if bad.column else bad.reason


def _table(distances: Sequence[Distance], count: int, limits: Mapping[str, float]) -> Iterator[str]:
    width = max([len(one.of) for one in distances], default=0)
    yield f"{count:,} rows against the training rows"
    for one in sorted(distances, key=lambda one: -one.distance):
        high = one.distance > limits[one.measure]
        warning = "   warning: " + one.anomaly(limits[one.measure])["said"] if high else ""
        yield f"{one.of:<{width}}  {one.measure:<25}  {one.distance:.4f}{warning}"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.drift",
        epilog="Example: python -m pipeline.drift --data OUT/data --input 'new/*.csv'",
        allow_abbrev=False,
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder that prepare made")
    parser.add_argument("--input", nargs="+", required=True, metavar="FILES", help="new rows")
    parser.add_argument("--infinity-norm", type=float, default=THRESHOLD, metavar="THRESHOLD")
    parser.add_argument("--jensen-shannon", type=float, default=THRESHOLD, metavar="THRESHOLD")
    parser.add_argument("--max-bad-fraction", type=float, default=0.01, metavar="SHARE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes all distances here")
    parser.add_argument("--fail-on-drift", action="store_true", help="exit code 4 for a warning")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(run)
