"""The data folder, which prepare publishes: prepared files and examples."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.folders.prepared import PreparedFolder
from pipeline.folders.published import Within

EXAMPLES = "examples"


@dataclass(frozen=True)
class DataFolder(PreparedFolder):
    """OUT/data."""

    STAGE: ClassVar[str] = "data"

    rejected = Within("rejected")

    def files(self, side: str) -> list[str]:
        """The TFRecord files of a side, as far as the manifest lists them."""
        start = f"{EXAMPLES}/{side}/"
        names = sorted(name for name in self.manifest.files if name.startswith(start))
        return [str(self.path / name) for name in names]

    def shards(self, side: str, count: int) -> list[Path]:
        """The same files, before they are there."""
        return _parts(self.path / EXAMPLES / side, count, "tfrecord.gz")

    def rejected_parts(self, count: int) -> list[Path]:
        """A file for each input file with bad rows."""
        return _parts(self.rejected, count, "jsonl")


def _parts(folder: Path, count: int, suffix: str) -> list[Path]:
    return [folder / f"part-{at:05d}-of-{count:05d}.{suffix}" for at in range(count)]
