"""The folder that prepare published, without its examples: those are read by trainer.data.

Nothing here loads TensorFlow, so that a command can refuse a folder at once.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.failures import Exit, Failure
from pipeline.manifest import Manifest, verify
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec


@dataclass(frozen=True)
class Data:
    """A published data folder. `entries` is the number of ids of each vocabulary, without the two
    for out of vocabulary and missing."""

    folder: Path
    manifest: Manifest
    spec: Spec
    statistics: dict[str, Any]
    entries: dict[str, int]

    def files(self, split: str) -> list[str]:
        """The TFRecord files of a split, as far as the manifest lists them."""
        start = f"examples/{split}/"
        names = sorted(name for name in self.manifest.files if name.startswith(start))
        return [str(self.folder / name) for name in names]

    def rows(self, split: str) -> int:
        return int(self.manifest.facts["examples"].get(split, 0))

    def vocabulary(self, name: str) -> list[str]:
        """The values of a vocabulary, by id."""
        return vocabulary_values(self.folder, name)


def vocabulary_values(folder: Path, name: str) -> list[str]:
    """The values of a vocabulary, by id, in a data folder or a run folder."""
    path = folder / "vocabulary" / f"{name}.jsonl"
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)[0] for line in lines]


def read_data(folder: Path) -> Data:
    """Opens a data folder after checking every file. Raises Failure: 2 where it is none, 5 where
    a file is missing or differs from the manifest."""
    manifest = verify(folder, stage="data")
    spec = parse_spec((folder / "spec.json").read_text(encoding="utf-8"), source="spec.json")
    statistics = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    entries = {name: int(v["entries"]) for name, v in statistics["vocabularies"].items()}
    data = Data(folder, manifest, spec, statistics, entries)
    if data.rows("train") < 1:
        raise Failure(Exit.USAGE, "training needs at least one row in the train split", received=0)
    return data
