"""In how many new rows the memories of prepared data know the value.

A memory is as good as the values that it knows. Expected is the share of training rows whose value
other training rows have, too; the distance is by how much less or more it is among new rows, which
is the infinity norm of known and unknown as a category. Numpy and pyarrow only.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from kinds.columns.readings import as_read
from kinds.inputs.prepare import KINDS
from kinds.memory.keys import NO_KEY, keys_of
from kinds.memory.prepare import ids_in
from kinds.prepare import Known
from pipeline.distributions.distances import Distance, known_distance
from pipeline.fields import Fields, one_or_all
from pipeline.folders.data import DataFolder


class MemoryDrift:
    """Counts rows with known values. A memory of several heads is that of the first; one of all
    rows, and one of a cross, whose pairs are looked up in examples only, have no drift."""

    def __init__(self, data: DataFolder, fields: Fields) -> None:
        self._spec, self._fields = data.spec, fields
        used = {
            name: {one.partition(".")[0] for one in memory.of}
            for name, memory in data.spec.memories.items()
        }
        self._keys = {
            name: keys_of(memory, data.spec.inputs, data.entries)
            for name, memory in data.spec.memories.items()
            if memory.of and not used[name] & data.spec.pairs().keys()
        }
        heads = {one: head for one, head in reversed(data.spec.remembered()) if one in self._keys}
        self._counts = {name: data.memory(name, head) for name, head in heads.items()}
        self._expected = {
            name: data.statistics.memory[name][head]["known"]["train"]
            for name, head in heads.items()
        }
        read = {one for name in self._keys for one in used[name]}
        self._known = {name: _known(data, name) for name in data.spec.inputs if name in read}
        self._rows, self._found = 0, Counter[str]()

    def add(self, typed: pa.RecordBatch) -> None:
        """Counts a batch of typed rows."""
        if not self._known or not typed.num_rows:
            return
        made: dict[str, pa.Array] = {}
        for name, known in self._known.items():
            part = self._spec.inputs[name]
            own = [typed.column(field.output) for field in self._fields.of(name)]
            columns = [as_read(column, known.reading) for column in own]
            made |= KINDS[part.kind].features(name, part, one_or_all(columns), known)
        ids_of = ids_in(pa.RecordBatch.from_pydict(made))
        self._rows += typed.num_rows
        for name, counts in self._counts.items():
            keys = self._keys[name].looked_up(ids_of)
            known = (keys != NO_KEY) & (counts.places(keys) < len(counts.keys))
            self._found[name] += int(known.sum())

    def distances(self) -> Iterator[Distance]:
        for name, expected in self._expected.items():
            share = self._found[name] / max(1, self._rows)
            yield known_distance(name, share, expected)


def _known(data: DataFolder, name: str) -> Known:
    """What prepare learned of an input."""
    numbers = data.statistics.numbers.get(name, {})
    bounds = np.array(numbers.get("boundaries", []), np.float32)
    vocabulary = data.spec.vocabulary_of().get(name)
    if vocabulary is None:
        return Known(boundaries=bounds)
    values = pa.array(list(data.vocabulary(vocabulary)), pa.string())
    return Known(values, boundaries=bounds, reading=data.spec.readings()[vocabulary] or "words")
