"""Makes a version out of the one before and new rows, up to the decision whether it is served."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.folders.published import read_json
from pipeline.folders.versions import VersionFolder, WorkFolder
from pipeline.manifest import combined_hash, file_sha256, write_text
from pipeline.running import processes
from pipeline.storage import stores
from pipeline.updating import contents, decision, places
from pipeline.updating.places import Place
from pipeline.updating.stages import COMPARE, DRIFT, Asked, commands
from pipeline.updating.version import PUBLISHED, REFUSED, Version, folder_name


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@contextmanager
def own_folder(place: Place, given: Path | None) -> Iterator[Path]:
    """For the work on a version and for the cache: in OUT, for a store a temporary one unless one
    is given."""
    if given is not None:
        yield given
    elif stores.is_object(place.path):
        with tempfile.TemporaryDirectory(prefix="update-") as folder:
            yield Path(folder)
    else:
        yield Path(place.path) / ".update"


def first(place: Place, output: Path, work: WorkFolder) -> Version:
    """A run of all stages becomes the first version, and is served."""
    adopted = contents.adopt(output, work.version.path, now())
    place.put(work.version.path, folder_name(1))
    places.settle(place)
    return adopted


@dataclass(frozen=True)
class Update:
    """A version to be made: of which one, from which files with their fingerprints."""

    place: Place
    parent: Version
    inputs: Mapping[str, str]
    asked: Asked
    may_lose: Mapping[str, float]

    def made_from(self) -> str:
        asked = self.asked
        how = [*asked.settings, str(asked.max_bad_fraction), *asked.csv.arguments()]
        how += [*asked.beam_options, asked.learn, asked.window or "", *["compact"] * asked.compact]
        files = [f"{path} {said}" for path, said in sorted(self.inputs.items())]
        return combined_hash([self.parent.model, *how, *files])

    def earlier(self) -> Version | None:
        """The version that was made from the same before, and refused."""
        made_from = self.made_from()
        for one in places.versions_of(self.place).values():
            whole = self.place.is_whole(folder_name(one.number))
            if one.made_from == made_from and one.decision == REFUSED and whole:
                return one
        return None

    def decided(self, version: Version) -> Version:
        """The version with the decision that its heads' figures lead to."""
        kinds = {name: str(one["kind"]) for name, one in version.heads.items()}
        figures = {name: one["metrics"] for name, one in version.heads.items()}
        found = decision.judged(figures, kinds, self.may_lose)
        heads = {name: {"kind": kinds[name], **one} for name, one in found.items()}
        why = decision.reasons(heads)
        said = "; ".join(why) or "no head is worse than it may be"
        state = REFUSED if why else PUBLISHED
        return replace(version, heads=heads, decision=state, why=said, at=now())

    def again(self, earlier: Version) -> Version:
        """Decides once more on a refused version: it may lose more than it might."""
        version = self.decided(earlier)
        places.record(self.place, version)
        places.settle(self.place)
        return version

    def make(self, work: WorkFolder) -> Version:
        """Raises StageFailed, and Failure where a finished stage's folder was changed."""
        made_from = self.made_from()
        if not work.made_from.exists() or work.made_from.read_text() != made_from:
            shutil.rmtree(work.path, ignore_errors=True)
            work.path.mkdir(parents=True)
            write_text(work.made_from, made_from)
        parent = VersionFolder(self.place.fetched(folder_name(self.parent.number), work.parent))
        work.version.path.mkdir(exist_ok=True)
        seconds = self._run_stages(parent, work)
        version = self.decided(self._described(parent, work, seconds))
        work.version.keep_prepared(work.data.verified())
        write_text(work.version.record, version.to_json())
        for left in work.version.path.glob(".*.lock"):
            left.unlink()
        self.place.put(work.version.path, folder_name(version.number))
        places.settle(self.place)
        shutil.rmtree(work.path, ignore_errors=True)
        return version

    def _run_stages(self, parent: VersionFolder, work: WorkFolder) -> dict[str, float]:
        seconds = {}
        for command in commands(self.asked, parent, work):
            # These two are files: whole where they are there.
            if command.stage not in (DRIFT, COMPARE) or not command.result.exists():
                seconds[command.stage] = round(processes.run_stage(command), 1)
        return seconds

    def _described(
        self, parent: VersionFolder, work: WorkFolder, seconds: Mapping[str, float]
    ) -> Version:
        compared: dict[str, Any] = read_json(work.compared)
        drift: dict[str, Any] = read_json(work.drift)
        spec, of_files = work.data.spec, work.data.statistics.files
        new_rows = sum(of_files.get(path, {}).get("read", 0) for path in self.asked.new)
        heads = {
            name: {"kind": spec.heads[name].kind, "metrics": figures}
            for name, figures in compared["heads"].items()
        }
        return Version(
            max(places.versions_of(self.place)) + 1,
            REFUSED,
            now(),
            file_sha256(work.version.model.model),
            self.inputs,
            parent=self.parent.number,
            made_from=self.made_from(),
            new=list(self.asked.new),
            left=[path for path in self.inputs if path not in of_files],
            learn=self.asked.learn,
            rows={**contents.rows_of(work.data), "new": new_rows, "compared": compared["rows"]},
            vocabularies=contents.vocabularies_of(parent.prepared, work.data),
            drift={"rows": drift["rows"], "warnings": drift["warnings"]},
            certificate=contents.certified(work.version.model),
            heads=heads,
            training=self.parent.training,
            seconds=seconds,
        )
