"""Versions that come, are gone back on and go, one after the other: a command to be killed.

FOLDER/model    a model folder
FOLDER/OUT      the versions
"""

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from pipeline.folders.model import ModelFolder
from pipeline.folders.versions import VersionFolder
from pipeline.manifest import write_text
from pipeline.updating import places
from pipeline.updating.places import place_of, settle, versions_of
from pipeline.updating.version import PUBLISHED, REFUSED, Version, folder_name


def run(arguments: Sequence[str]) -> None:
    """So many rounds, the first of which is the only one for an OUT without versions."""
    folder, rounds = Path(arguments[0]), int(arguments[1])
    place = place_of(str(folder / "OUT"))
    with place.held():
        settle(place)
        for at in range(rounds):
            number = max(versions_of(place), default=0) + 1
            made = VersionFolder(folder / "made" / "version")
            shutil.rmtree(made.path.parent, ignore_errors=True)
            shutil.copytree(folder / "model", made.model.path)
            decision = REFUSED if at % 3 == 2 else PUBLISHED
            version = Version(number, decision, f"{at}", uuid.uuid4().hex, {})
            write_text(made.record, version.to_json())
            place.put(made.path, folder_name(number))
            settle(place)
            if at % 4 == 3:
                places.roll_back(place, None, f"{at}")
            places.prune(place, keep=2)


def served_whole(folder: Path) -> int:
    """The number of the version that is served, all of whose files are there."""
    current = folder / "OUT" / "current"
    ModelFolder(current / "model").verified()
    return int(current.readlink().name)
