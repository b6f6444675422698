"""What prepare learns from the training rows: vocabularies, means, deviations, boundaries.

Typed rows go in a batch at a time, no row and no value as a Python object. What comes out is
written by publishing.py, and is constants of the transform graph (preprocessing.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import apache_beam as beam
import numpy as np
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns.readings import Reading
from kinds.columns.readings import as_read as by_reading
from kinds.prepare import Known
from kinds.scaling.prepare import curved
from pipeline import spec as specs
from pipeline.distributions import COUNTED, PERCENT, Distribution, of_numbers, of_texts
from pipeline.distributions.value_counts import (
    Entries,
    Reread,
    ValueCounts,
    added,
    as_read,
    chosen,
    given_entries,
    given_reading,
    merged,
    reading_of,
    table_of,
    with_table,
)
from pipeline.folders.prepared import Statistics
from pipeline.preparing.moments import Moment, Quantiles


@dataclass(frozen=True)
class Learned:
    """Entries by vocabulary; what is known of each input and head, and how its values are spread.

    `numbers` has the mean and the deviation, and the boundaries, of those that have them;
    `constant` names the numbers whose deviation is 0. `readings` says of each vocabulary how cells
    are read for it, `reread` what that changed among those of the training rows, which are `rows`.
    """

    entries: dict[str, Entries]
    known: dict[str, Known]
    numbers: dict[str, dict[str, Any]]
    distributions: dict[str, Distribution]
    constant: list[str]
    readings: dict[str, Reading]
    reread: dict[str, Reread]
    rows: int


# What is known after some rows, by what it is and the name of what it is about.
Found: TypeAlias = dict[tuple[str, str], Any]
# The bound; what was measured on a million normal numbers is 0.0002.
PERCENTILE_ERROR = 0.01


@dataclass(frozen=True)
class Kept:
    """What stays as it was in earlier data: the first values of each vocabulary, and means,
    deviations and boundaries by input or head."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


NOTHING_KEPT = Kept()


class Learn(beam.CombineFn):
    """Typed batches of training rows to what is learned from them.

    `kept` stays as it was in earlier data.
    """

    def __init__(
        self,
        analyses: Mapping[str, Analysis],
        vocabularies: Mapping[str, specs.Vocabulary],
        kept: Kept = NOTHING_KEPT,
    ) -> None:
        self._analyses, self._vocabularies = dict(analyses), dict(vocabularies)
        self._first = {n: pa.array(values, pa.string()) for n, values in kept.values.items()}
        self._kept_numbers = kept.numbers
        self._counted = {
            name: self._users(name) for name, v in vocabularies.items() if v.values is None
        }
        self._texts = [name for name, one in analyses.items() if not one.is_number]
        self._numbers = [name for name, one in analyses.items() if one.is_number]
        vectors = [(name, one.field.width or 0) for name, one in analyses.items() if one.is_vector]
        self._vectors = {name: Moment(width) for name, width in vectors}
        self._scaled = {
            n: one.scale for n, one in analyses.items() if one.scale and not one.is_vector
        }
        self._cut = [name for name, one in analyses.items() if one.buckets]
        self._moment = Moment(len(self._scaled))
        self._quantiles = {
            ("cut", name): Quantiles(one.buckets) for name, one in analyses.items() if one.buckets
        } | {("spread", name): Quantiles(PERCENT, PERCENTILE_ERROR) for name in self._numbers}

    def _users(self, vocabulary: str) -> list[str]:
        """Whose values are counted."""
        users = [name for name, one in self._analyses.items() if one.vocabulary == vocabulary]
        chosen = self._vocabularies[vocabulary].counted
        return [name for name in users if not chosen or name in chosen]

    def create_accumulator(self) -> Found:
        found: Found = {("values", name): ValueCounts() for name in self._counted}
        found |= {("top", name): ValueCounts(limit=COUNTED) for name in self._texts}
        # All training rows are under no name.
        found |= {("seen", name): np.zeros(2, np.int64) for name in ["", *self._analyses]}
        found["moments", ""] = self._moment.create_accumulator()
        found |= {("vector", n): one.create_accumulator() for n, one in self._vectors.items()}
        return found | {key: one.create_accumulator() for key, one in self._quantiles.items()}

    def add_input(self, found: Found, rows: pa.RecordBatch) -> Found:
        found["seen", ""] = found["seen", ""] + [rows.num_rows, 0]
        self._add_texts(found, rows)
        self._add_numbers(found, rows)
        return found

    def _add_texts(self, found: Found, rows: pa.RecordBatch) -> None:
        tables = {}
        for name in self._texts:
            values, missing = self._analyses[name].texts(rows)
            tables[name] = table_of(values)
            found["top", name] = with_table(found["top", name], tables[name])
            found["seen", name] = found["seen", name] + [len(values), missing]
        for vocabulary, users in self._counted.items():
            for name in users:
                found["values", vocabulary] = with_table(found["values", vocabulary], tables[name])

    def _add_numbers(self, found: Found, rows: pa.RecordBatch) -> None:
        columns = {name: self._analyses[name].numbers(rows) for name in self._numbers}
        for name, column in columns.items():
            missing = int(np.isnan(column).sum())
            found["seen", name] = found["seen", name] + [len(column) - missing, missing]
        if self._scaled:
            scaled = [curved(scale, columns[name]) for name, scale in self._scaled.items()]
            batch = (np.stack(scaled, axis=1),)
            found["moments", ""] = self._moment.add_input(found["moments", ""], batch)
        for name, moment in self._vectors.items():
            batch = (self._analyses[name].vectors(rows),)
            found["vector", name] = moment.add_input(found["vector", name], batch)
        for key, combine in self._quantiles.items():
            found[key] = combine.add_input(found[key], (columns[key[1]],))

    def merge_accumulators(self, many: Iterable[Found]) -> Found:
        all_found = list(many)
        return {key: self._merged(key, [one[key] for one in all_found]) for key in all_found[0]}

    def _merged(self, key: tuple[str, str], parts: list[Any]) -> Any:
        if key[0] in ("values", "top"):
            return merged(parts)
        if key[0] == "seen":
            return sum(parts[1:], parts[0])
        if key[0] == "vector":
            return self._vectors[key[1]].merge_accumulators(parts)
        return (self._quantiles.get(key) or self._moment).merge_accumulators(parts)

    def compact(self, found: Found) -> Found:
        """The same in less room, and in one form: as it is kept, and as it is read back."""
        compacted = {key: one.compact(found[key]) for key, one in self._quantiles.items()}
        counts = {key: added(one) for key, one in found.items() if isinstance(one, ValueCounts)}
        return found | compacted | counts

    def extract_output(self, found: Found) -> Learned:
        readings = {name: self._reading(found, name) for name in self._vocabularies}
        found, reread = self._read(found, readings)
        entries = {name: self._entries(found, name, readings) for name in self._vocabularies}
        numbers = self._numbers_of(found)
        moments = found["moments", ""]
        is_constant = (moments[0] > 0) & (moments[2] == 0)
        return Learned(
            entries,
            {name: self._known(name, entries, numbers, readings) for name in self._analyses},
            numbers,
            {name: self._spread(found, name) for name in self._analyses},
            [name for name, same in zip(self._scaled, is_constant, strict=True) if same],
            readings,
            reread,
            int(found["seen", ""][0]),
        )

    def _reading(self, found: Found, name: str) -> Reading:
        said = self._vocabularies[name]
        if any(one.words for one in self._analyses.values() if one.vocabulary == name):
            return "words"
        if said.values is not None:
            return said.reading or given_reading(said.values)
        return said.reading or reading_of(found["values", name])

    def _read(
        self, found: Found, readings: Mapping[str, Reading]
    ) -> tuple[Found, dict[str, Reread]]:
        """The counts by the readings, and what these changed in vocabularies."""
        made, changed = dict(found), dict[str, Reread]()
        for name in self._counted:
            made["values", name], reread = as_read(found["values", name], readings[name])
            changed |= {name: reread} if reread else {}
        for name in self._texts:
            reading = readings.get(self._analyses[name].vocabulary or "", "words")
            made["top", name], _ = as_read(found["top", name], reading)
        return made, changed

    def _entries(self, found: Found, name: str, readings: Mapping[str, Reading]) -> Entries:
        said = self._vocabularies[name]
        if said.values is not None:
            return given_entries(said.values, readings[name])
        first = self._first.get(name)
        # A file's labels are read as the cells of rows are, and two of them may then be one.
        old = None if first is None else by_reading(first, readings[name]).unique()
        return chosen(found["values", name], said.size, said.min_count, old)

    def _numbers_of(self, found: Found) -> dict[str, dict[str, Any]]:
        means, stds = self._moment.extract_output(found["moments", ""])
        scaled = zip(self._scaled, means, stds, strict=True)
        numbers: dict[str, dict[str, Any]] = {n: {"mean": m, "std": std} for n, m, std in scaled}
        for name, moment in self._vectors.items():
            means, stds = moment.extract_output(found["vector", name])
            numbers[name] = {"mean": means, "std": stds}
        for name in self._cut:
            bounds = self._quantiles["cut", name].extract_output(found["cut", name])
            numbers.setdefault(name, {})["boundaries"] = bounds
        return {name: self._as_kept(name, own) for name, own in numbers.items()}

    def _as_kept(self, name: str, found: dict[str, Any]) -> dict[str, Any]:
        kept = self._kept_numbers.get(name)
        if kept is None:
            return found
        return {n: np.asarray(kept.get(n, own), np.asarray(own).dtype) for n, own in found.items()}

    def _known(
        self,
        name: str,
        entries: Mapping[str, Entries],
        numbers: Mapping[str, dict[str, Any]],
        readings: Mapping[str, Reading],
    ) -> Known:
        own, vocabulary = numbers.get(name, {}), self._analyses[name].vocabulary
        if vocabulary is None:
            return Known(**own)
        return Known(entries[vocabulary].values, reading=readings[vocabulary], **own)

    def _spread(self, found: Found, name: str) -> Distribution:
        values, missing = found["seen", name].tolist()
        if not self._analyses[name].is_number:
            return of_texts(found["top", name], values, missing)
        percentiles = self._quantiles["spread", name].quantiles(found["spread", name])
        return of_numbers(percentiles.tolist(), values, missing)


class Join(beam.CombineFn):
    """What was found in each file to what is learned from all of them."""

    def __init__(self, learn: Learn) -> None:
        self._learn = learn

    def create_accumulator(self) -> Found:
        return self._learn.create_accumulator()

    def add_input(self, total: Found, found: Found) -> Found:
        return self._learn.merge_accumulators([total, found])

    def merge_accumulators(self, many: Iterable[Found]) -> Found:
        return self._learn.merge_accumulators(many)

    def compact(self, total: Found) -> Found:
        return self._learn.compact(total)

    def extract_output(self, total: Found) -> Learned:
        return self._learn.extract_output(total)


def statistics_of(learned: Learned) -> Statistics:
    return Statistics(
        vocabularies={
            name: _cut_off(entries) | _reread(learned, name)
            for name, entries in learned.entries.items()
        },
        distributions=learned.distributions,
        constant=learned.constant,
        numbers={
            name: {what: value.tolist() for what, value in one.items()}
            for name, one in learned.numbers.items()
        },
    )


def _reread(learned: Learned, name: str) -> dict[str, Any]:
    read = learned.reread.get(name)
    return {} if read is None else {"reread": [read.count, read.before, read.after]}


def _cut_off(entries: Entries) -> dict[str, Any]:
    return {
        "entries": len(entries.values),
        "distinct": entries.distinct,
        "below_min_count": entries.below_min_count,
        "beyond_size": entries.beyond_size,
        "counts_low_by_at_most": entries.lost,
    }
