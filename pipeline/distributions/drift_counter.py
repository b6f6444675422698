"""New rows, counted in the buckets and under the names of the training rows, in bounded memory.

Typed rows go in a batch at a time. What was counted can be written to a file and added to other
counts, in any order of the files. Numpy and pyarrow only.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from kinds.analysis import Analysis
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
from pipeline.distributions.distances import JENSEN_SHANNON, L_INFINITY, Distance
from pipeline.distributions.value_counts import SCHEMA, ValueCounts, added, with_table, with_values

_META = "counted"


class DriftCounter:
    """What was seen of some inputs and heads, to be held against their `old` distributions."""

    def __init__(self, analyses: Mapping[str, Analysis], old: Mapping[str, Distribution]) -> None:
        self._analyses, self._old = analyses, old
        self._texts = {
            name: ValueCounts(limit=COUNTED) for name, one in analyses.items() if not one.is_number
        }
        self._edges = {name: edges(old[name]) for name, one in analyses.items() if one.is_number}
        self._buckets = {n: np.zeros(len(at) + 1, np.int64) for n, at in self._edges.items()}
        self._values: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()

    def add(self, typed: pa.RecordBatch) -> None:
        """Counts a batch of typed rows."""
        for name, counts in self._texts.items():
            values, missing = self._analyses[name].texts(typed)
            self._texts[name] = with_values(counts, values)
            self._values[name] += len(values)
            self._missing[name] += missing
        for name, borders in self._edges.items():
            column = self._analyses[name].numbers(typed)
            there = column[~np.isnan(column)].astype(np.float64)
            self._buckets[name] += bucket_counts(there, borders)
            self._missing[name] += len(column) - len(there)

    def distances(self) -> Iterator[Distance]:
        for name, counts in self._texts.items():
            new = of_texts(counts, self._values[name], self._missing[name])
            yield Distance(name, L_INFINITY, *l_infinity(self._old[name], new))
        for name, buckets in self._buckets.items():
            expected = masses(self._old[name], self._edges[name])
            found = counted_masses(buckets, self._missing[name])
            yield Distance(name, JENSEN_SHANNON, jensen_shannon(expected, found))

    def write(self, file: BinaryIO) -> None:
        """All of it: a batch of counted texts for each that has texts, the rest beside them."""
        buckets = {name: counts.tolist() for name, counts in self._buckets.items()}
        said = {"values": self._values, "missing": self._missing, "buckets": buckets}
        schema = SCHEMA.with_metadata({_META: json.dumps(said)})
        with pyarrow.ipc.new_stream(file, schema) as stream:
            for counts in self._texts.values():
                (table,) = added(counts).parts
                nothing = pa.RecordBatch.from_pylist([], schema=SCHEMA)
                (batch,) = table.combine_chunks().to_batches() or [nothing]
                stream.write_batch(batch)

    def read(self, file: BinaryIO) -> None:
        """Adds what `write` wrote of the same inputs and heads."""
        with pyarrow.ipc.open_stream(file) as stream:
            said = json.loads(stream.schema.metadata[_META.encode()])
            for name, batch in zip(self._texts, stream, strict=True):
                table = pa.Table.from_batches([batch]).replace_schema_metadata()
                self._texts[name] = with_table(self._texts[name], table)
        self._values.update(said["values"])
        self._missing.update(said["missing"])
        for name, counts in said["buckets"].items():
            self._buckets[name] += np.array(counts, np.int64)
