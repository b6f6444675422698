"""The folders of versions (pipeline.updating): those of OUT, of one version, of the work on one."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline import manifest
from pipeline.folders.data import DataFolder
from pipeline.folders.model import ModelFolder
from pipeline.folders.prepared import LABELS, MEMORY, SPEC, STATISTICS, VECTORS, VOCABULARY
from pipeline.folders.published import Within
from pipeline.folders.run import RunFolder

VERSIONS, CURRENT, RECORD, PAGE = "versions", "current", "version.json", "history.html"
# A version without it is pruned: it is deleted first.
MODEL_MANIFEST = f"model/{manifest.MANIFEST}"
KEPT = (SPEC, STATISTICS, VOCABULARY, LABELS, MEMORY, VECTORS)


class VersionFolder:
    """One version on this machine.

    prepared/       vocabularies, statistics and counts: what the next version goes on from
    run/            the weights
    model/          the file, its certificate and its card
    version.json    all that is known of it
    """

    record = Within(RECORD)

    def __init__(self, path: Path) -> None:
        self.path = path
        self.prepared, self.run = DataFolder(path / "prepared"), RunFolder(path / "run")
        self.model = ModelFolder(path / "model")

    @property
    def is_whole(self) -> bool:
        return (self.path / MODEL_MANIFEST).exists()

    def keep_prepared(self, data: DataFolder) -> None:
        """Takes over what prepare made, but not the examples, which only training reads."""
        work = manifest.fresh_staging(self.prepared.path)
        for name in KEPT:
            if (data.path / name).is_dir():
                shutil.copytree(data.path / name, work / name)
            elif (data.path / name).exists():
                shutil.copy2(data.path / name, work / name)
        facts = {"examples": {}, "rows": dict(data.examples)}
        self.prepared.publish(data.manifest.made_from, facts)

    def strip(self) -> None:
        """Deletes all but the record."""
        (self.path / MODEL_MANIFEST).unlink(missing_ok=True)
        for part in self.path.iterdir():
            if part.is_dir():
                shutil.rmtree(part)
            elif part != self.record:
                part.unlink()


@dataclass(frozen=True)
class WorkFolder:
    """The folder in which a version is made. It survives a kill, so that the same command goes on
    where it was.

    parent/         the version to go on from, where it has to be fetched
    drift.json      new rows beside the parent's training rows
    data/           all rows, prepared: old ids stay, new values get the next ones
    compared.json   the parent's file and the new one on the same held-out rows
    version/        what becomes the version
    """

    path: Path

    made_from, parent = Within(".made-from"), Within("parent")
    drift, compared = Within("drift.json"), Within("compared.json")

    @property
    def data(self) -> DataFolder:
        return DataFolder(self.path / "data")

    @property
    def version(self) -> VersionFolder:
        return VersionFolder(self.path / "version")
