"""What prepare learns from the training rows: vocabularies, means, deviations, boundaries.

Typed rows go in a batch at a time, no row and no value as a Python object. What comes out is
written to files here, and is constants of the transform graph (pipeline.preprocessing).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import spec as specs
from pipeline.counting import Counts, Entries, added, chosen, merged, table_of, with_table
from pipeline.distributions import COUNTED, PERCENT, Distribution, of_numbers, of_texts
from pipeline.features import curved
from pipeline.moments import Moment, Quantiles
from pipeline.plan import Plan, standardised
from pipeline.sources import numbers, texts

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Learned:
    """Entries by vocabulary; float32 [2, numbers] mean and deviation; boundaries by input; how
    the values of each input and head are spread.

    `constant` are the places of the numbers that did not vary.
    """

    entries: dict[str, Entries]
    moments: Floats
    boundaries: dict[str, Floats]
    distributions: dict[str, Distribution]
    constant: tuple[int, ...] = ()


# What is known after some rows, by what it is and the name of what it is about.
Found: TypeAlias = dict[tuple[str, str], Any]
# The bound; what was measured on a million normal numbers is 0.0002.
PERCENTILE_ERROR = 0.01


class Learn(beam.CombineFn):
    """Typed batches of training rows to what is learned from them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._texts = [name for name, source in plan.sources.items() if not source.is_number]
        self._numbers = [name for name, source in plan.sources.items() if source.is_number]
        self._moment = Moment(len(plan.scaled))
        self._quantiles = {("cut", name): Quantiles(count) for name, count in plan.cut.items()} | {
            ("spread", name): Quantiles(PERCENT, PERCENTILE_ERROR) for name in self._numbers
        }

    def create_accumulator(self) -> Found:
        found: Found = {("values", name): Counts() for name in self._plan.counted}
        found |= {("top", name): Counts(limit=COUNTED) for name in self._texts}
        found |= {("seen", name): np.zeros(2, np.int64) for name in self._plan.sources}
        found["moments", ""] = self._moment.create_accumulator()
        return found | {key: one.create_accumulator() for key, one in self._quantiles.items()}

    def add_input(self, found: Found, rows: pa.RecordBatch) -> Found:
        self._add_texts(found, rows)
        self._add_numbers(found, rows)
        return found

    def _add_texts(self, found: Found, rows: pa.RecordBatch) -> None:
        tables = {}
        for name in self._texts:
            values, missing = texts(rows, self._plan.sources[name])
            tables[name] = table_of(values)
            found["top", name] = with_table(found["top", name], tables[name])
            found["seen", name] = found["seen", name] + [len(values), missing]
        for vocabulary, users in self._plan.counted.items():
            for name in users:
                found["values", vocabulary] = with_table(found["values", vocabulary], tables[name])

    def _add_numbers(self, found: Found, rows: pa.RecordBatch) -> None:
        columns = {name: numbers(rows, self._plan.sources[name]) for name in self._numbers}
        for name, column in columns.items():
            missing = int(np.isnan(column).sum())
            found["seen", name] = found["seen", name] + [len(column) - missing, missing]
        if self._plan.scaled:
            scaled = [curved(scale, columns[name]) for name, scale in self._plan.scaled.items()]
            batch = (np.stack(scaled, axis=1),)
            found["moments", ""] = self._moment.add_input(found["moments", ""], batch)
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
        return (self._quantiles.get(key) or self._moment).merge_accumulators(parts)

    def compact(self, found: Found) -> Found:
        """The same in less room, and in one form: as it is kept, and as it is read back."""
        compacted = {key: one.compact(found[key]) for key, one in self._quantiles.items()}
        counts = {key: added(one) for key, one in found.items() if isinstance(one, Counts)}
        return found | compacted | counts

    def extract_output(self, found: Found) -> Learned:
        bounds = {
            n: self._quantiles["cut", n].extract_output(found["cut", n]) for n in self._plan.cut
        }
        moments = found["moments", ""]
        constant = tuple(np.flatnonzero((moments[0] > 0) & (moments[2] == 0)).tolist())
        means = self._moment.extract_output(moments)
        return Learned(self._entries(found), means, bounds, self._spread(found), constant)

    def _entries(self, found: Found) -> dict[str, Entries]:
        entries = {}
        for name, said in self._plan.vocabularies.items():
            if said.values is None:
                first = self._plan.first.get(name)
                entries[name] = chosen(found["values", name], said.size, said.min_count, first)
            else:
                entries[name] = given_entries(said.values)
        return entries

    def _spread(self, found: Found) -> dict[str, Distribution]:
        spread = {}
        for name in self._plan.sources:
            values, missing = found["seen", name].tolist()
            if name in self._texts:
                spread[name] = of_texts(found["top", name], values, missing)
            else:
                percentiles = self._quantiles["spread", name].quantiles(found["spread", name])
                spread[name] = of_numbers(percentiles.tolist(), values, missing)
        return spread


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


def given_entries(values: tuple[str, ...]) -> Entries:
    """The vocabulary that a spec gives; its values are counted where they are looked up."""
    nothing = pa.array(np.zeros(len(values), np.int64))
    return Entries(pa.array(values, pa.string()), nothing, len(values), 0, 0)


def save(learned: Learned, spec: specs.Spec, folder: str) -> Learned:
    """Writes <vocabulary>.jsonl, learned.json and what was cut off; gives `learned` on."""
    for name, entries in learned.entries.items():
        _write(folder, f"{name}.jsonl", "".join(_lines(entries)))
    names = standardised(spec)
    scaled = dict(zip(names, learned.moments.T.tolist(), strict=True))
    said = {
        "numbers": {name: {"mean": mean, "std": std} for name, (mean, std) in scaled.items()}
        | {name: {"boundaries": b.tolist()} for name, b in learned.boundaries.items()},
        "constant": [names[at] for at in learned.constant],
        "distributions": learned.distributions,
        "vocabularies": {name: _told(entries) for name, entries in learned.entries.items()},
    }
    _write(folder, "learned.json", json.dumps(said))
    return learned


def _write(folder: str, name: str, text: str) -> None:
    Path(folder, name).write_text(text, encoding="utf-8")


def _lines(entries: Entries) -> Iterator[str]:
    """JSON lines of [value, count], for people and for the other stages."""
    for value, count in zip(entries.values.to_pylist(), entries.counts.to_pylist(), strict=True):
        yield json.dumps([value, count], ensure_ascii=False) + "\n"


def _told(entries: Entries) -> dict[str, int]:
    return {
        "entries": len(entries.values),
        "distinct": entries.distinct,
        "below_min_count": entries.below_min_count,
        "beyond_size": entries.beyond_size,
        "counts_low_by_at_most": entries.lost,
    }
