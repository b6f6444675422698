"""What prepare learns from the training rows: vocabularies, means, deviations, boundaries.

Typed rows go in a batch at a time, no row and no value as a Python object. What comes out is
written to files here and handed to the transform graph by pipeline.analyzers.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from pipeline import spec as specs
from pipeline.casting import Field
from pipeline.counting import Counts, Entries, chosen, merged, with_values
from pipeline.features import curved, is_missing, last
from pipeline.fields import Fields
from pipeline.moments import Moment, Quantiles

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Learned:
    """Entries by vocabulary; float32 [2, numbers] mean and deviation; boundaries by input.

    `constant` are the places of the numbers that did not vary.
    """

    entries: dict[str, Entries]
    moments: Floats
    boundaries: dict[str, Floats]
    constant: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is to be learned, by the columns that it is learned from.

    `counted` maps a vocabulary to its fields; a length cuts a list to its last elements, and an
    empty text counts as a value of a label only. `scaled` has the column and the scale of each
    number with a mean and a deviation, `cut` the column and the number of buckets.
    """

    vocabularies: dict[str, specs.Vocabulary]
    counted: dict[str, list["Source"]]
    scaled: list[tuple[str, str]]
    cut: dict[str, tuple[str, int]]
    first: dict[str, pa.Array]


@dataclass(frozen=True)
class Source:
    """A field whose values are counted."""

    field: Field
    length: int | None
    is_label: bool


def standardised(spec: specs.Spec) -> list[str]:
    """The inputs and heads that have a mean and a deviation, in the order of the graph's."""
    parts: dict[str, Any] = {**spec.number_inputs(), **spec.heads}
    return [n for n, part in parts.items() if getattr(part, "scale", "") in ("standard", "log")]


def plan_of(spec: specs.Spec, fields: Fields, first: Mapping[str, list[str]] | None = None) -> Plan:
    """`first` has the values that keep the first ids of a vocabulary."""
    columns = {name: f.output for name, f in {**fields.inputs, **fields.heads}.items()}
    parts: dict[str, Any] = {**spec.inputs, **spec.heads}
    return Plan(
        spec.vocabularies,
        {n: _sources(spec, fields, n) for n, v in spec.vocabularies.items() if v.values is None},
        [(columns[name], parts[name].scale) for name in standardised(spec)],
        {n: (columns[n], p.buckets) for n, p in spec.number_inputs().items() if p.buckets},
        {name: pa.array(values, pa.string()) for name, values in (first or {}).items()},
    )


def _sources(spec: specs.Spec, fields: Fields, vocabulary: str) -> list[Source]:
    inputs = [
        Source(
            fields.inputs[name], part.length if isinstance(part, specs.Sequence) else None, False
        )
        for name, part in spec.embedded_inputs().items()
        if part.vocabulary == vocabulary
    ]
    labels = [
        Source(fields.heads[name], None, True)
        for name, head in spec.label_heads().items()
        if head.vocabulary == vocabulary
    ]
    return inputs + labels


Found: TypeAlias = dict[tuple[str, str], Any]


class Learn(beam.CombineFn):
    """Typed batches of training rows to what is learned from them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._moment = Moment(len(plan.scaled))
        self._quantiles = {name: Quantiles(buckets) for name, (_, buckets) in plan.cut.items()}

    def create_accumulator(self) -> Found:
        found: Found = {("values", name): Counts() for name in self._plan.counted}
        found["moments", ""] = self._moment.create_accumulator()
        return found | {
            ("cut", name): combine.create_accumulator() for name, combine in self._quantiles.items()
        }

    def add_input(self, found: Found, rows: pa.RecordBatch) -> Found:
        for name, sources in self._plan.counted.items():
            for source in sources:
                values = counted_values(rows.column(source.field.output), source)
                found["values", name] = with_values(found["values", name], values)
        if self._plan.scaled:
            numbers = [curved(s, _numpy(rows.column(column))) for column, s in self._plan.scaled]
            found["moments", ""] = self._moment.add_input(
                found["moments", ""], (np.stack(numbers, axis=1),)
            )
        for name, combine in self._quantiles.items():
            column, _ = self._plan.cut[name]
            combine.add_input(found["cut", name], (_numpy(rows.column(column)),))
        return found

    def merge_accumulators(self, many: Iterable[Found]) -> Found:
        all_found = list(many)
        total = self.create_accumulator()
        for kind, name in total:
            parts = [found[kind, name] for found in all_found]
            if kind == "values":
                total[kind, name] = merged(parts)
            elif kind == "moments":
                total[kind, name] = self._moment.merge_accumulators(parts)
            else:
                total[kind, name] = self._quantiles[name].merge_accumulators(parts)
        return total

    def compact(self, found: Found) -> Found:
        for name, combine in self._quantiles.items():
            found["cut", name] = combine.compact(found["cut", name])
        return found

    def extract_output(self, found: Found) -> Learned:
        plan, entries = self._plan, {}
        for name, vocabulary in plan.vocabularies.items():
            if vocabulary.values is None:
                first, counts = plan.first.get(name), found["values", name]
                entries[name] = chosen(counts, vocabulary.size, vocabulary.min_count, first)
            else:
                entries[name] = given_entries(vocabulary.values)
        bounds = {n: q.extract_output(found["cut", n]) for n, q in self._quantiles.items()}
        moments = found["moments", ""]
        constant = tuple(np.flatnonzero((moments[0] > 0) & (moments[2] == 0)).tolist())
        return Learned(entries, self._moment.extract_output(moments), bounds, constant)


def given_entries(values: tuple[str, ...]) -> Entries:
    """The vocabulary that a spec gives; its values are counted where they are looked up."""
    nothing = pa.array(np.zeros(len(values), np.int64))
    return Entries(pa.array(values, pa.string()), nothing, len(values), 0, 0)


def counted_values(column: pa.Array, source: Source) -> pa.Array:
    """The texts of a column that count for its vocabulary."""
    if pa.types.is_list(column.type):
        column = column if source.length is None else last(column, source.length)
        values = pc.fill_null(column.flatten(), "")
    else:
        values = column
    if source.is_label:
        return values.drop_null()
    return values.filter(pc.invert(is_missing(values)))


def _numpy(column: pa.Array) -> Floats:
    return column.to_numpy(zero_copy_only=False)


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
        "vocabularies": {name: _told(entries) for name, entries in learned.entries.items()},
    }
    _write(folder, "learned.json", json.dumps(said))
    return learned


def _write(folder: str, name: str, text: str) -> None:
    with tf.io.gfile.GFile(str(Path(folder) / name), "w") as file:
        file.write(text)


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
