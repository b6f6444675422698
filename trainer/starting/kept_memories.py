"""Data whose memories are those of an earlier run: what was counted then, under the ids of now."""

from dataclasses import dataclass, replace
from typing import Any

from kinds.memory.averages.table import Averages
from kinds.memory.carried import carried, renumbered
from kinds.memory.keys import Keys, keys_of
from kinds.memory.label_counts import LabelCounts
from pipeline.folders.data import DataFolder
from pipeline.folders.prepared import PreparedFolder, Statistics
from pipeline.folders.run import RunFolder
from pipeline.spec import Spec


@dataclass(frozen=True)
class KeptMemories(DataFolder):
    """A data folder as `spec` reads it, whose vocabularies are those of the `earlier` run and more.

    Of labels the counts of keys with a new id are added. Averages stay whole: one value more would
    change the scale of all.
    """

    spec_used: Spec
    earlier: RunFolder

    def statistics_of_memories(self) -> Statistics:
        """The statistics with what the memories hold now."""
        found = self.statistics
        said: dict[str, dict[str, Any]] = {n: dict(one) for n, one in found.memory.items()}
        for name, head in self.spec_used.remembered():
            counts = self.memory(name, head)
            held = {"values": len(counts.keys), "pairs": len(counts.labels)}
            said[name][head] = said[name][head] | held | {"bytes": counts.file_bytes()}
        return replace(found, memory=said)

    def memory(self, name: str, head: str) -> LabelCounts:
        old, new = self._keys(name)
        vocabulary = self.spec_used.labels()[head].vocabulary
        labels = self.earlier.entries[vocabulary], self.entries[vocabulary]
        counted = super().memory(name, head)
        return carried(self.earlier.memory(name, head), counted, old, new, labels)

    def write_memories(self, folder: PreparedFolder) -> None:
        """Writes them, and the statistics, into another folder."""
        for name, head in self.spec_used.remembered():
            folder.write_memory(name, head, self.memory(name, head))
        for name, head in self.spec_used.averaged():
            folder.write_memory(name, head, Averages(**self._read_memory(name, head)))
        folder.write_statistics(self.statistics_of_memories())

    def _read_memory(self, name: str, head: str) -> dict[str, Any]:
        if (name, head) not in self.spec_used.averaged():
            return super()._read_memory(name, head)
        arrays = self.earlier._read_memory(name, head)
        return arrays | {"keys": renumbered(arrays["keys"], *self._keys(name))}

    def _keys(self, name: str) -> tuple[Keys, Keys]:
        spec = self.spec_used
        old, new = (
            keys_of(spec.memories[name], spec.inputs, entries)
            for entries in (self.earlier.entries, self.entries)
        )
        return old, new
