"""Places where versions lie: a folder of this machine, or one of gs:// or s3://.

    OUT/versions/003/version.json   what it is
                     prepared/ run/ model/
    OUT/current                     the version that is served: a link here, an object in a store

A version is there when its version.json is: on this machine its folder appears by one rename, in a
store that file is written last. What is served changes by one more rename, or by one object. What
the records say counts, and `current` follows them (`settle`): a command that was killed between the
two is finished by the next one.
"""

import argparse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pipeline.failures import Exit, Failure
from pipeline.folders.versions import CURRENT, MODEL_MANIFEST, RECORD, VERSIONS, VersionFolder
from pipeline.manifest import lock, write_text
from pipeline.storage import stores
from pipeline.updating.version import Version, folder_name

# So many versions stay whole unless another number is asked for.
KEPT = 5


class Place(Protocol):
    """What the two kinds of places do. A version's folder is named by its number."""

    path: str

    @contextmanager
    def held(self) -> Iterator[None]:
        """One writer at a time. Raises Failure 3 for a second one."""

    def names(self) -> list[str]:
        """Of the versions that are there, in no order."""

    def read(self, name: str) -> bytes:
        """A file under OUT. Raises FileNotFoundError."""

    def write(self, name: str, text: str) -> None:
        """A file under OUT: all of it or none."""

    def current(self) -> str | None:
        """The folder that is served."""

    def switch(self, name: str) -> None:
        """Serves another folder from now on."""

    def put(self, folder: Path, name: str) -> None:
        """A finished version's folder becomes one of the place."""

    def fetched(self, name: str, into: Path) -> Path:
        """A version's folder on this machine: itself, or a copy."""

    def is_whole(self, name: str) -> bool:
        """Whether the version still has its model."""

    def strip(self, name: str) -> None:
        """Deletes all of a version but its version.json."""


class LocalPlace:
    """A folder of this machine."""

    def __init__(self, path: str) -> None:
        self.path, self._root = path, Path(path)
        self._versions = self._root / VERSIONS

    @contextmanager
    def held(self) -> Iterator[None]:
        with lock(self._root, inside=True):
            yield

    def names(self) -> list[str]:
        return [path.parent.name for path in self._versions.glob(f"*/{RECORD}")]

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def write(self, name: str, text: str) -> None:
        write_text(self._root / name, text)

    def current(self) -> str | None:
        link = self._root / CURRENT
        return link.readlink().name if link.is_symlink() else None

    def switch(self, name: str) -> None:
        partial = self._root / f".{CURRENT}.partial"
        partial.unlink(missing_ok=True)
        partial.symlink_to(Path(VERSIONS, name))
        partial.replace(self._root / CURRENT)

    def put(self, folder: Path, name: str) -> None:
        self._versions.mkdir(parents=True, exist_ok=True)
        folder.rename(self._versions / name)

    def fetched(self, name: str, into: Path) -> Path:
        return self._versions / name

    def is_whole(self, name: str) -> bool:
        return VersionFolder(self._versions / name).is_whole

    def strip(self, name: str) -> None:
        VersionFolder(self._versions / name).strip()


class StorePlace:
    """A folder of gs:// or s3://."""

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")

    @contextmanager
    def held(self) -> Iterator[None]:
        with stores.claimed(self.path, uuid.uuid4().hex):
            yield

    def names(self) -> list[str]:
        start = f"{self._at(VERSIONS)}/"
        found = [path.removeprefix(start).split("/") for path in stores.listed(start)]
        return [parts[0] for parts in found if parts[1:] == [RECORD]]

    def read(self, name: str) -> bytes:
        with stores.reader(self._at(name)) as file:
            return file.read()

    def write(self, name: str, text: str) -> None:
        stores.write(self._at(name), text.encode())

    def current(self) -> str | None:
        if not stores.exists(self._at(CURRENT)):
            return None
        return self.read(CURRENT).decode().strip().rpartition("/")[2]

    def switch(self, name: str) -> None:
        self.write(CURRENT, f"{VERSIONS}/{name}\n")

    def put(self, folder: Path, name: str) -> None:
        # What a killed upload has left there.
        stores.delete_all(self._at(f"{VERSIONS}/{name}"))
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path == folder / RECORD):
            stores.upload(path, self._at(f"{VERSIONS}/{name}/{path.relative_to(folder)}"))

    def fetched(self, name: str, into: Path) -> Path:
        start = self._at(f"{VERSIONS}/{name}")
        for path in stores.listed(start):
            to = into / path[len(start) + 1 :]
            to.parent.mkdir(parents=True, exist_ok=True)
            with to.open("wb") as file:
                stores.append(path, file)
        return into

    def is_whole(self, name: str) -> bool:
        return stores.exists(self._at(f"{VERSIONS}/{name}/{MODEL_MANIFEST}"))

    def strip(self, name: str) -> None:
        start = self._at(f"{VERSIONS}/{name}")
        parts = {path[len(start) + 1 :].partition("/")[0] for path in stores.listed(start)}
        for part in sorted(parts - {RECORD}):
            stores.delete_all(f"{start}/{part}")

    def _at(self, name: str) -> str:
        return stores.under(self.path, name)


def place_of(path: str) -> Place:
    return StorePlace(path) if stores.is_object(path) else LocalPlace(path)


def versions_of(place: Place) -> dict[int, Version]:
    """{number: version}, the oldest first. Raises Failure 5 for a damaged record."""
    names = sorted(name for name in place.names() if name.isdecimal())
    found = {}
    for name in names:
        at = f"{VERSIONS}/{name}/{RECORD}"
        version = Version.from_json(place.read(at), f"{place.path}/{at}")
        found[version.number] = version
    return dict(sorted(found.items()))


def settle(place: Place) -> Version | None:
    """Serves what the records say: the newest version that may be. None where there is none."""
    known = versions_of(place)
    served = [n for n, one in known.items() if one.may_be_served and place.is_whole(folder_name(n))]
    if not served:
        return None
    name = folder_name(served[-1])
    if place.current() != name:
        place.switch(name)
    return known[served[-1]]


def record(place: Place, version: Version) -> None:
    """Writes what is known of a version that is there."""
    place.write(f"{VERSIONS}/{folder_name(version.number)}/{RECORD}", version.to_json())


def roll_back(place: Place, to: int | None, now: str) -> Version:
    """Serves an earlier version, the one before or that of a number, and no later one.

    Raises Failure 2 where there is no such version, or nothing of it but its record.
    """
    known = versions_of(place)
    at = settle(place)
    earlier = [n for n, one in known.items() if at and n < at.number and one.may_be_served]
    number = to if to is not None else max(earlier, default=None)
    if number is None or number not in known or not place.is_whole(folder_name(number)):
        there = ", ".join(str(n) for n in known if place.is_whole(folder_name(n)))
        rule = f"must be a version of {place.path} that has its model: {there or 'there is none'}"
        raise Failure(Exit.USAGE, rule, received=number or "none before the one that is served")
    for later in (one for n, one in known.items() if n > number and one.may_be_served):
        record(place, replace(later, rolled_back=now))
    chosen = known[number]
    if not chosen.may_be_served:
        chosen = replace(chosen, decision="published", why="by hand", rolled_back=None)
        record(place, chosen)
    place.switch(folder_name(number))
    return chosen


def prune(place: Place, keep: int) -> list[int]:
    """Deletes all of a version but its record, unless it is served, one of the newest `keep` that
    may be, or the newest of those that may not. Gives the numbers of those that went."""
    at = settle(place)
    whole = {n: one for n, one in versions_of(place).items() if place.is_whole(folder_name(n))}
    served = [n for n, one in whole.items() if one.may_be_served]
    others = [n for n, one in whole.items() if not one.may_be_served]
    stay = {*served[-keep:], *others[-1:], *([at.number] if at else [])}
    gone = [n for n in whole if n not in stay]
    for number in gone:
        place.strip(folder_name(number))
    return gone


def at_least_one(text: str) -> int:
    """A number of versions on the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1. Received: {text:.40}")
    return int(text)
