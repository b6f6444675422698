"""Files of this machine and objects of gs:// and s3://, named alike by a path.

Through pyarrow's file systems: reading rows needs pyarrow anyway, so the scorer and every worker
reach both stores without a library more, and start no slower. Credentials are those that Google's
and Amazon's own tools find. STORAGE_EMULATOR_HOST and AWS_ENDPOINT_URL name another server, as they
do for those tools.

Both stores list what was written before: claims (`claimed`) rest on that. A store that is busy is
asked again by pyarrow; one that still does not answer is a Failure with exit code 6.
"""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pipeline.failures import Exit, Failure
from pipeline.manifest import MANIFEST

GOOGLE, AMAZON = "gs://", "s3://"
BIGQUERY = "bigquery://"
_WILD = "*?["
# Of ten calls in a row that fail by chance three times in ten, six in a million all fail.
_ATTEMPTS = 10
# Many times the other, so that a store may be out of reach for a while.
STALE_SECONDS, _RENEW_SECONDS = 15 * 60, 60


def is_object(path: str) -> bool:
    """Whether a path names an object of a store, not a file of this machine."""
    return path.startswith((GOOGLE, AMAZON))


def is_table(path: str) -> bool:
    """Whether a path names a table or a query of BigQuery (pipeline.rows.bigquery)."""
    return path.startswith(BIGQUERY)


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
    with _asked(path):
        opened: IO[bytes] = store.open_input_file(key)
    return opened


def write(path: str, content: bytes) -> None:
    """Writes a whole object or none; a file of this machine where the path is none."""
    if not is_object(path):
        Path(path).write_bytes(content)
        return
    store, key = _located(path)
    with _asked(path), store.open_output_stream(key, compression=None) as file:
        file.write(content)


def upload(file: Path, path: str) -> None:
    """Copies a file of this machine to an object. Readers see all of it or nothing."""
    store, key = _located(path)
    with (
        _asked(path),
        file.open("rb") as source,
        store.open_output_stream(key, compression=None) as target,
    ):
        shutil.copyfileobj(source, target, 8 << 20)


def append(path: str, file: IO[bytes]) -> None:
    """Adds the bytes of a file or an object, which was written before, to an open file."""
    try:
        with _asked(path), reader(path) as source:
            shutil.copyfileobj(source, file, 1 << 20)
    except FileNotFoundError:
        raise Failure(Exit.ENVIRONMENT, "what was written must be there", received=path) from None


def matching(pattern: str) -> list[str]:
    """The objects that a pattern names: `*`, `?` and `[...]` stand for no slash.

    What exists is itself, an object and a folder alike. Raises Failure 2 for `**`.
    """
    if exists(pattern):
        return [pattern]
    if not any(letter in pattern for letter in _WILD):
        return []
    if "**" in pattern:
        raise Failure(Exit.USAGE, "a path of gs:// or s3:// takes no '**'", received=pattern)
    scheme = pattern[: len(GOOGLE)]
    bucket, *parts = PurePosixPath(pattern.removeprefix(scheme)).parts
    if any(letter in bucket for letter in _WILD):
        raise Failure(Exit.USAGE, "the bucket must be named whole", received=pattern)
    folder = scheme + bucket
    while parts and (
        not any(letter in parts[0] for letter in _WILD) or listed(under(folder, parts[0]))
    ):
        folder, parts = under(folder, parts[0]), parts[1:]
    return [path for path in listed(folder) if _matches(path[len(folder) + 1 :].split("/"), parts)]


def _matches(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if len(names) != len(patterns):
        return False
    pairs = zip(names, patterns, strict=True)
    return all(name == pattern or fnmatchcase(name, pattern) for name, pattern in pairs)


def listed(folder: str) -> list[str]:
    """All objects under a folder, sorted; none where there is no such folder."""
    from pyarrow import fs

    store, key = _located(folder)
    with _asked(folder):
        found = store.get_file_info(fs.FileSelector(key, recursive=True, allow_not_found=True))
    return sorted(folder[: len(GOOGLE)] + one.path for one in found if one.is_file)


def exists(path: str) -> bool:
    """Whether there is such an object."""
    return bool(_info(path).is_file)


def _info(path: str) -> Any:
    store, key = _located(path)
    with _asked(path):
        return store.get_file_info(key)


def state(path: str) -> str | None:
    """What changes whenever a file or an object is written, None where there is none."""
    if not is_object(path):
        found = Path(path)
        said = found.stat() if found.exists() else None
        return said and f"{said.st_size} bytes, {said.st_mtime_ns} ns"
    found = _info(path)
    return f"{found.size} bytes, {found.mtime_ns} ns" if found.is_file else None


def fingerprint(path: str) -> str:
    """What changes with the content: SHA-256 of a file; size and time of change of an object.

    Of a table nothing is known but its name.
    """
    if is_table(path):
        return path
    if not is_object(path):
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return str(state(path))


def delete_all(folder: str) -> None:
    """Deletes all objects under a folder, its manifest first: what is half deleted is not done."""
    for path in sorted(listed(folder), key=lambda one: not one.endswith(f"/{MANIFEST}")):
        _delete(path)


def _delete(path: str) -> None:
    """Deletes an object, if it is there."""
    store, key = _located(path)
    with _asked(path), suppress(FileNotFoundError):
        store.delete_file(key)


@contextmanager
def claimed(folder: str, by: str) -> Iterator[Callable[[], None]]:
    """Holds a folder of a store alone, among those who ask for it here.

    Whoever writes a claim and then sees no other has it. Of two at once the later to look sees the
    other's claim, so never both go on; both may give up. Raises Failure 3 for who gives up.

    A claim is written again all the time while it is held. One that has not been for STALE_SECONDS,
    by the store's own clock, is of a run that was killed, and is taken away. What is given raises
    Failure 3 where that has happened to this claim, to a process that was stopped meanwhile: it is
    to be asked before the write that counts.
    """
    own = under(_claims(folder), by)
    write(own, b"claimed\n")

    def check_held() -> None:
        if not exists(own):
            rule = "a run must hold its claim until it has published"
            raise Failure(Exit.OCCUPIED, rule, received=f"{own} was taken away")

    with ExitStack() as ending:
        ending.callback(_delete, own)
        check_unclaimed(folder, but=own)
        ending.enter_context(_renewed(own, check_held))
        yield check_held


@contextmanager
def _renewed(claim: str, check_held: Callable[[], None]) -> Iterator[None]:
    """Writes a claim again while the block runs, in a thread: no upload is too long for that."""
    ended = threading.Event()

    def renew() -> None:
        last = time.time()
        # A process that was stopped for so long does not bring back what may be taken away.
        while not ended.wait(_RENEW_SECONDS) and time.time() - last <= STALE_SECONDS:
            # A store that does not answer once may do so in time for the next.
            with suppress(Failure):
                check_held()
                write(claim, b"claimed\n")
                last = time.time()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def check_unclaimed(folder: str, *, but: str | None = None) -> None:
    """Raises Failure 3 where a folder of a store is claimed.

    Who has a claim, `but`, takes stale ones away; before there is one they are let be.
    """
    claims = [path for path in listed(_claims(folder)) if path != but]
    now = time.time() if but is None else _info(but).mtime_ns / 1e9
    for path in claims:
        found = _info(path)
        if found.is_file and now - found.mtime_ns / 1e9 <= STALE_SECONDS:
            rule = f"one run at a time publishes {folder}; one that was killed is in the way"
            rule += f" for {STALE_SECONDS // 60} minutes"
            raise Failure(Exit.OCCUPIED, rule, received=path)
        if but is not None:
            _delete(path)


def _claims(folder: str) -> str:
    return f"{folder.rstrip('/')}.claims"


@contextmanager
def _asked(path: str) -> Iterator[None]:
    """Raises Failure 6 where a store does not answer, however often it is asked."""
    try:
        yield
    except (OSError, ValueError) as error:
        # Arrow's own errors are of both kinds, and have no number.
        if getattr(error, "errno", None) is not None or not is_object(path):
            raise
        said = " ".join(str(error).split())
        rule = f"{path} must be within reach"
        raise Failure(Exit.ENVIRONMENT, rule, received=said[:300]) from None


def _located(path: str) -> tuple[Any, str]:
    """The file system of a path, and the path within it: the bucket comes first."""
    scheme = GOOGLE if path.startswith(GOOGLE) else AMAZON
    return _store(scheme), path.removeprefix(scheme).rstrip("/")


@cache
def _store(scheme: str) -> Any:
    from pyarrow import fs

    if scheme == AMAZON:
        return fs.S3FileSystem(
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
            endpoint_override=os.environ.get("AWS_ENDPOINT_URL"),
            # Amazon's "standard" strategy gives up for good after 100 repeated calls of a process:
            # through Arrow it is never told that a call went well.
            retry_strategy=fs.AwsDefaultS3RetryStrategy(max_attempts=_ATTEMPTS),
        )
    if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
        kind, _, host = emulator.rpartition("://")
        return fs.GcsFileSystem(anonymous=True, scheme=kind or "http", endpoint_override=host)
    return fs.GcsFileSystem()
