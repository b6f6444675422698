"""The folder of a version: what was prepared for it, without the examples, its run and its model.

prepared/   vocabularies, statistics and counts: what the next version goes on from
run/        the weights
model/      the file, its certificate and its card
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.folders.data import DataFolder
from pipeline.folders.model import ModelFolder
from pipeline.folders.output import Output
from pipeline.folders.versions import VersionFolder
from pipeline.manifest import file_sha256, write_text
from pipeline.storage import stores
from pipeline.updating.version import ADOPTED, Version

# Of the first training; later versions lower these, or leave them out.
TRAINING = ("epochs", "steps", "learning_rate", "weight_decay", "averaging")


def adopt(output: Path, into: Path, now: str) -> Version:
    """A run of all stages, as the first version. Raises Failure: 2 where it lacks a stage, 5 where
    a folder was changed."""
    given, version = Output(output), VersionFolder(into)
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    version.keep_prepared(given.data.verified())
    for source, target in ((given.run, version.run), (given.model, version.model)):
        source.verified()
        # The files of a published folder are never changed: a second name will do.
        shutil.copytree(source.path, target.path, copy_function=_linked)
    files = given.data.statistics.files
    first = Version(
        1,
        ADOPTED,
        now,
        file_sha256(version.model.model),
        dict.fromkeys(files, "") | fingerprints(files),
        why=f"the run in {output}",
        rows=rows_of(given.data),
        training={name: getattr(given.run.spec.training, name) for name in TRAINING},
    )
    write_text(version.record, first.to_json())
    return first


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def fingerprints(paths: Iterable[str]) -> dict[str, str]:
    """{path: what changes with its content}, of those that are there."""
    found = {}
    for path in paths:
        # An object that is gone has no state, a file raises.
        with suppress(FileNotFoundError):
            if stores.is_table(path) or stores.state(path) is not None:
                found[path] = stores.fingerprint(path)
    return found


def rows_of(data: DataFolder) -> dict[str, int]:
    """The examples of each side, and the rejected rows."""
    return {**data.examples, "rejected": data.statistics.rows.get("rejected", 0)}


def vocabularies_of(before: DataFolder, now: DataFolder) -> dict[str, dict[str, int]]:
    """{name: {before, kept, now, size}}: how many values had an id, still have one, have one now,
    and may have one."""
    said = now.spec.all_vocabularies()
    return {
        name: {
            "before": before.entries.get(name, 0),
            "kept": _kept(before, now, name),
            "now": entries,
            **({"size": said[name].size} if name in said else {}),
        }
        for name, entries in now.entries.items()
    }


def _kept(before: DataFolder, now: DataFolder, name: str) -> int:
    if name not in before.entries:
        return 0
    return len(set(before.vocabulary(name)) & set(now.vocabulary(name)))


def certified(model: ModelFolder) -> dict[str, float]:
    """How many rows the file's certificate is about, and the largest difference of a head."""
    said = model.certificate()
    return {"rows": said["rows"], "largest": max(said["largest_differences"]["heads"].values())}
