"""What was made from rows that are to go: folders of stages and versions, with the commands that
make them anew.

A folder says how many rows of each file it was made from (statistics.json), a version which
fingerprint each file had (version.json). So what was made from a file before rows were taken out
is found afterwards, too, until it is made anew.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from pipeline.folders.data import DataFolder
from pipeline.folders.model import ModelFolder
from pipeline.folders.output import Output
from pipeline.folders.prepared import SPEC, STATISTICS
from pipeline.folders.published import read_json
from pipeline.folders.run import RunFolder
from pipeline.folders.versions import RECORD, VERSIONS, VersionFolder
from pipeline.forgetting.meant import FoundIn
from pipeline.manifest import MANIFEST
from pipeline.storage import stores
from pipeline.updating.version import Version


@dataclass(frozen=True)
class Made:
    """A folder, why it is to be made anew, and the command that does it."""

    path: Path
    why: str
    command: str


class MadeFrom:
    """Looks below a folder for what was made from rows of some files."""

    def __init__(self, under: Path, files: Sequence[FoundIn]) -> None:
        self._under, self._files = under, files

    def all(self) -> Iterator[Made]:
        versions = list(self._versions())
        yield from versions
        yield from self._stages()

    def _versions(self) -> Iterator[Made]:
        """Versions, and those that go on from the weights of one of them."""
        for folder in sorted({path.parent.parent for path in self._records}):
            told: dict[int, str] = {}
            known = sorted(
                (v for p, v in self._records.items() if p.parent.parent == folder),
                key=lambda version: version.number,
            )
            for version in known:
                why = self._of_version(version)
                if not why and version.parent in told:
                    why = f"goes on from version {version.parent}"
                if not why:
                    continue
                told[version.number] = why
                path = next(p for p, v in self._records.items() if v is version).parent
                if VersionFolder(path).is_whole:
                    yield Made(path, why, _anew(path, version, folder.parent))

    def _stages(self) -> Iterator[Made]:
        known = {path.parent: read_json(path) for path in sorted(self._under.rglob(MANIFEST))}
        of_versions = {path.parent for path in self._records}
        stages = {p: s for p, s in known.items() if not of_versions & {*p.parents}}
        data = {s["made_from"]: p for p, s in stages.items() if s["stage"] == DataFolder.STAGE}
        runs = {}
        for stage in (DataFolder.STAGE, RunFolder.STAGE):
            for path in (p for p, s in stages.items() if s["stage"] == stage):
                if not (why := self._of_statistics(path)):
                    continue
                if stage == DataFolder.STAGE:
                    command = _prepare(path)
                else:
                    runs[path] = why
                    beside = Output(path.parent).data.path
                    made_from = stages[path].get("data_made_from")
                    command = _train(path, data.get(made_from, beside))
                yield Made(path, why, command)
        for path in (p for p, s in stages.items() if s["stage"] == ModelFolder.STAGE):
            run = Output(path.parent).run.path
            if run in runs:
                yield Made(path, f"was made from {run}", _export(path, run))
            elif run not in stages and any(len(found.meant) for found in self._files):
                why = "has no run beside it that says which rows it was made from"
                yield Made(path, why, "")

    @cached_property
    def _records(self) -> Mapping[Path, Version]:
        return {
            path: Version.from_json(path.read_bytes(), str(path))
            for path in sorted(self._under.rglob(f"{VERSIONS}/*/{RECORD}"))
        }

    def _of_statistics(self, folder: Path) -> str:
        """Why a folder is to be made anew, "" where it is not."""
        if not (folder / STATISTICS).exists():
            return ""
        counted = DataFolder(folder).statistics.files
        for path, found in _pairs(list(counted), self._files):
            read = counted[path].get("read", 0)
            if len(found.meant) or read != found.rows:
                now = f"has {found.left:,} without these"
                return f"was made from {read:,} rows of {found.path}, which {now}"
        return ""

    def _of_version(self, version: Version) -> str:
        for path, found in _pairs(list(version.inputs), self._files):
            if len(found.meant) or version.inputs[path] != self._fingerprints[found.path]:
                return f"was made from {found.path} as it is with these rows"
        return ""

    @cached_property
    def _fingerprints(self) -> Mapping[str, str]:
        return {found.path: stores.fingerprint(found.path) for found in self._files}


def _pairs(said: Sequence[str], files: Sequence[FoundIn]) -> Iterator[tuple[str, FoundIn]]:
    """A path that a folder has kept, with the file that it may mean."""
    for path in said:
        for found in files:
            if may_mean(path, found.path):
                yield path, found


def may_mean(said: str, path: str) -> bool:
    """Whether a path, maybe relative to another folder than this one, may be that of a file.

    >>> may_mean("../rows/a.csv", "/srv/rows/a.csv"), may_mean("b/a.csv", "/srv/rows/a.csv")
    (True, False)
    """
    whole = Path(path).resolve().parts
    if PurePath(said).is_absolute():
        return Path(said).resolve().parts == whole
    parts = [part for part in PurePath(said).parts if part != ".."]
    return list(whole[-len(parts) :]) == parts


def _prepare(path: Path) -> str:
    folder = DataFolder(path)
    inputs = list(folder.statistics.files)
    return _line("pipeline.prepare", "--spec", folder.path / SPEC, "--input", *inputs, path)


def _train(path: Path, data: Path) -> str:
    return _line("trainer.task", "--data", data, "--spec", path / SPEC, path)


def _export(path: Path, run: Path) -> str:
    return _line("serving.export", "--run", run, path)


def _line(module: str, *words: object) -> str:
    *given, output = map(str, words)
    return shlex.join(["python", "-m", module, *given, "--output", output, "--force"])


def _anew(path: Path, version: Version, output: Path) -> str:
    """Trains anew in another folder: an update would go on from weights that know the rows."""
    inputs = [one for one in version.inputs if one not in version.left]
    spec = VersionFolder(path).run.path / SPEC
    words = ["python", "-m", "pipeline.run", "--spec", str(spec), "--input", *inputs]
    return shlex.join([*words, "--output", f"{output}-anew"])
