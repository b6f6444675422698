"""Files of this machine and objects of gs:// and s3://, named alike by a path.

Through pyarrow's file systems: reading rows needs pyarrow anyway, so the scorer and every worker
reach both stores without a library more, and start no slower. Credentials are those that Google's
and Amazon's own tools find. STORAGE_EMULATOR_HOST and AWS_ENDPOINT_URL name another server, as they
do for those tools.
"""

import hashlib
import os
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pipeline.failures import Exit, Failure

GOOGLE, AMAZON = "gs://", "s3://"
_WILD = "*?["


def is_object(path: str) -> bool:
    """Whether a path names an object of a store, not a file of this machine."""
    return path.startswith((GOOGLE, AMAZON))


def under(folder: str, name: str) -> str:
    """The path of what is called `name` in a folder.

    >>> under("gs://bucket/data/", "manifest.json")
    'gs://bucket/data/manifest.json'
    """
    return f"{folder.rstrip('/')}/{name}"


def reader(path: str) -> IO[bytes]:
    """The bytes of a file or an object, from any place. Raises FileNotFoundError."""
    if not is_object(path):
        return Path(path).open("rb")
    store, key = _located(path)
    opened: IO[bytes] = store.open_input_file(key)
    return opened


def write(path: str, content: bytes) -> None:
    """Writes a whole object or none; a file of this machine where the path is none."""
    if not is_object(path):
        Path(path).write_bytes(content)
        return
    store, key = _located(path)
    with store.open_output_stream(key, compression=None) as file:
        file.write(content)


def upload(file: Path, path: str) -> None:
    """Copies a file of this machine to an object. Readers see all of it or nothing."""
    store, key = _located(path)
    with file.open("rb") as source, store.open_output_stream(key, compression=None) as target:
        while block := source.read(8 << 20):
            target.write(block)


def matching(pattern: str) -> list[str]:
    """The objects that a pattern names: `*`, `?` and `[...]` stand for no slash.

    Raises Failure 2 for `**`.
    """
    if "**" in pattern:
        raise Failure(Exit.USAGE, "a path of gs:// or s3:// takes no '**'", received=pattern)
    if not any(letter in pattern for letter in _WILD):
        return [pattern] if exists(pattern) else []
    scheme = pattern[: len(GOOGLE)]
    parts = PurePosixPath(pattern.removeprefix(scheme)).parts
    fixed = next(at for at, part in enumerate(parts) if any(w in part for w in _WILD))
    if not fixed:
        raise Failure(Exit.USAGE, "the bucket must be named whole", received=pattern)
    folder = scheme + "/".join(parts[:fixed])
    return [
        path
        for path in listed(folder)
        if len((there := PurePosixPath(path.removeprefix(scheme))).parts) == len(parts)
        and there.match("/".join(parts))
    ]


def listed(folder: str) -> list[str]:
    """All objects under a folder, sorted; none where there is no such folder."""
    from pyarrow import fs

    store, key = _located(folder)
    found = store.get_file_info(fs.FileSelector(key, recursive=True, allow_not_found=True))
    return sorted(folder[: len(GOOGLE)] + one.path for one in found if one.is_file)


def exists(path: str) -> bool:
    """Whether there is such an object."""
    store, key = _located(path)
    return bool(store.get_file_info(key).is_file)


def fingerprint(path: str) -> str:
    """What changes with the content: SHA-256 of a file; size and time of change of an object."""
    if not is_object(path):
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    store, key = _located(path)
    found = store.get_file_info(key)
    return f"{found.size} bytes, {found.mtime_ns} ns"


def delete_all(folder: str) -> None:
    """Deletes all objects under a folder, its manifest first: what is half deleted is not done."""
    for path in sorted(listed(folder), key=lambda one: not one.endswith("/manifest.json")):
        store, key = _located(path)
        store.delete_file(key)


def _located(path: str) -> tuple[Any, str]:
    """The file system of a path, and the path within it: the bucket comes first."""
    scheme = GOOGLE if path.startswith(GOOGLE) else AMAZON
    return _store(scheme), path.removeprefix(scheme).rstrip("/")


@cache
def _store(scheme: str) -> Any:
    from pyarrow import fs

    if scheme == AMAZON:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return fs.S3FileSystem(region=region, endpoint_override=os.environ.get("AWS_ENDPOINT_URL"))
    if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
        kind, _, host = emulator.rpartition("://")
        return fs.GcsFileSystem(anonymous=True, scheme=kind or "http", endpoint_override=host)
    return fs.GcsFileSystem()
