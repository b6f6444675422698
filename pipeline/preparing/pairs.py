"""Vocabularies of pairs: which ids of inputs occur together in the training rows, and how often.

A pair is of ids, and those are known once all training rows have been seen. So a spec with pairs
reads these rows once more. Pairs are counted by their codes, in bounded memory as all values are
(pipeline.distributions.value_counts), and chosen and kept by their texts: codes follow ids, which
other rows change.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.inputs.keys import Key
from kinds.inputs.pairs.codes import Codes, codes_in, codes_of, texts_of, texts_of_ids
from kinds.inputs.pairs.prepare import ids_of
from kinds.prepare import Known
from pipeline import spec as specs
from pipeline.distributions.value_counts import (
    SCHEMA,
    ValueCounts,
    added,
    chosen,
    merged,
    with_values,
)
from pipeline.fields import Fields
from pipeline.preparing import reading
from pipeline.preparing.features import features_of
from pipeline.preparing.learning import Learned
from pipeline.rows.csv_dialect import AS_FOUND, Csv

# By the input that is made of the pairs.
Found: TypeAlias = dict[str, ValueCounts]


class ReadForPairs(reading.ReadTrainingRows):
    doing = "count pairs"


class FindPairs(beam.DoFn):
    """Part of a file to the pairs in its training rows, given what was learned of all."""

    def __init__(
        self, paths: Sequence[str], fields: Fields, spec: specs.Spec, csv: Csv = AS_FOUND
    ) -> None:
        self._reader = ReadForPairs(paths, fields, spec.split, csv)
        self._spec, self._fields = spec, fields

    def process(
        self, part: reading.FilePart, learned: Learned, known: reading.Known | None = None
    ) -> Iterator[Found]:
        batches = self._reader.process(part, known)
        yield found_in(batches, learned, self._spec, self._fields)


def found_in(
    batches: Iterable[pa.RecordBatch], learned: Learned, spec: specs.Spec, fields: Fields
) -> Found:
    """The pairs in batches of typed rows."""
    found, sources = {name: ValueCounts() for name in spec.pairs()}, _sources(spec)
    for rows in batches:
        made = features_of(sources, rows, spec, fields, learned.known)
        for name in found:
            codes = _codes(made, spec.keys_of(name, sizes_of(learned)))
            found[name] = with_values(found[name], pa.array(codes).cast(pa.string()))
    return {name: added(counts) for name, counts in found.items()}


class JoinPairs(beam.CombineFn):
    """What was found in each file to the counts of all."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    def create_accumulator(self) -> Found:
        return {name: ValueCounts() for name in self._names}

    def add_input(self, total: Found, found: Found) -> Found:
        return self.merge_accumulators([total, found])

    def merge_accumulators(self, many: Iterable[Found]) -> Found:
        parts = list(many)
        return {name: merged(part[name] for part in parts) for name in self._names}

    def compact(self, total: Found) -> Found:
        return {name: added(counts) for name, counts in total.items()}

    def extract_output(self, total: Found) -> Found:
        return total


def with_pairs(
    found: Found, learned: Learned, spec: specs.Spec, first: Mapping[str, Sequence[str]]
) -> Learned:
    """What was learned, with the vocabularies of pairs and what they are made of.

    `first` has the pairs that keep the first ids of a vocabulary.
    """
    entries, known = dict(learned.entries), dict(learned.known)
    texts = {name: one.values.to_pylist() for name, one in learned.entries.items()}
    for name, pairs in spec.pairs().items():
        keys = spec.keys_of(name, sizes_of(learned))
        values = texts_of_ids(keys, spec.values_of_keys(name, texts))
        old = pa.array(first[pairs.vocabulary], pa.string()) if pairs.vocabulary in first else None
        counts = _by_text(found[name], values)
        own = chosen(counts, pairs.size, pairs.min_count, old)
        entries[pairs.vocabulary] = own
        codes = codes_in(own.values.to_pylist(), values)
        known[name] = Known(own.values, keys=keys, codes=codes)
    return replace(learned, entries=entries, known=known)


def _sources(spec: specs.Spec) -> list[str]:
    """The inputs of whose ids pairs are made."""
    named = [own.partition(".")[0] for pairs in spec.pairs().values() for own in pairs.of]
    return list(dict.fromkeys(named))


def sizes_of(learned: Learned) -> dict[str, int]:
    """How many values each vocabulary has."""
    return {vocabulary: len(one.values) for vocabulary, one in learned.entries.items()}


def _codes(made: Mapping[str, pa.Array], keys: Sequence[Key]) -> Codes:
    """The codes of rows whose ids are all of values."""
    ids = [ids_of(key, made) for key in keys]
    sizes = [key.values for key in keys]
    known = np.all([own < size for own, size in zip(ids, sizes, strict=True)], axis=0)
    codes: Codes = codes_of([own[known] for own in ids], sizes)
    return codes


def _by_text(counts: ValueCounts, values: Sequence[Sequence[str]]) -> ValueCounts:
    """Counts of codes as counts of the pairs' texts."""
    one = added(counts)
    (table,) = one.parts
    codes = pc.cast(table["value"].combine_chunks(), pa.int64()).to_numpy(zero_copy_only=False)
    texts = texts_of(codes, values)
    return replace(one, parts=(pa.table([texts, table["count"]], schema=SCHEMA),))
