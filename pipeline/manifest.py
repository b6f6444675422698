"""A stage's folder is published by its manifest: written last, checked before anything is read.

    OUT/.staging-data-1234/   while the stage works
    OUT/data/                 after one rename
        manifest.json         files with bytes and SHA-256, facts, what it was made from

No manifest, not done. Readers open only what the manifest lists. Standard library only.
"""

import fcntl
import hashlib
import json
import os
import resource
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.failures import Exit, Failure

MANIFEST = "manifest.json"
# Who makes the folder of a stage, for whoever has named another one.
_MAKERS = {"data": "pipeline.prepare", "run": "trainer.task", "model": "serving.export"}
_STARTED = time.monotonic()


@dataclass(frozen=True)
class Manifest:
    """What a published folder holds.

    `files` maps a path relative to the folder to (bytes, SHA-256). `made_from` is the hash of
    everything that the stage's result depends on. `facts` are the stage's own: counts, versions.
    """

    stage: str
    made_from: str
    files: dict[str, tuple[int, str]]
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        files = {p: {"bytes": b, "sha256": s} for p, (b, s) in sorted(self.files.items())}
        content = {"stage": self.stage, "made_from": self.made_from, **self.facts, "files": files}
        return json.dumps(content, indent=2) + "\n"

    def identity(self) -> str:
        """SHA-256 of what the folder is, whatever it cost: the same for the same result."""
        return combined_hash([self.made_from, json.dumps(self.files, sort_keys=True)])


def read_manifest(folder: Path, *, stage: str) -> Manifest:
    """Reads a folder's manifest. Raises Failure: 2 where there is none, 5 where it is damaged."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = {p: (int(f["bytes"]), str(f["sha256"])) for p, f in content.pop("files").items()}
        manifest = Manifest(content.pop("stage"), content.pop("made_from"), files, content)
    except (FileNotFoundError, NotADirectoryError):
        rule = f"must be a folder that {_MAKERS[stage]} has finished: one with a {MANIFEST}"
        raise Failure(Exit.USAGE, rule, received=folder) from None
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        raise Failure(Exit.INTEGRITY, "the manifest is damaged", received=path) from None
    if manifest.stage != stage:
        made_by = _MAKERS.get(manifest.stage, manifest.stage)
        rule = f"must be a folder of {_MAKERS[stage]}"
        raise Failure(Exit.USAGE, rule, received=f"{folder}, of {made_by}")
    return manifest


def verify(folder: Path, *, stage: str) -> Manifest:
    """Reads the manifest and checks every file it lists. Raises Failure with exit code 5."""
    manifest = read_manifest(folder, stage=stage)
    for name, (size, sha256) in manifest.files.items():
        path = folder / name
        if not _is_inside(folder, path) or not path.is_file():
            raise Failure(Exit.INTEGRITY, "a file of the manifest is missing", received=path)
        if path.stat().st_size != size or file_sha256(path) != sha256:
            raise Failure(Exit.INTEGRITY, "a file differs from the manifest", received=path)
    return manifest


def is_done(folder: Path, *, stage: str, made_from: str, force: bool) -> bool:
    """Whether `folder` already holds this stage's result for these inputs.

    Another result in its place is a Failure (exit code 3) unless `force`, which redoes the stage.
    """
    if force or not folder.exists():
        return False
    if not (folder / MANIFEST).exists() and not any(folder.iterdir()):
        return False
    check_same(verify(folder, stage=stage).made_from, made_from, folder)
    return True


def check_same(found: object, made_from: str, folder: Path | str) -> None:
    """Raises Failure 3 where a folder was made from something else."""
    if found != made_from:
        rule = "was made from other inputs, another spec or other code; --force replaces it"
        raise Failure(Exit.OCCUPIED, f"{folder} {rule}")


@contextmanager
def lock(folder: Path, *, inside: bool = False) -> Iterator[None]:
    """One writer per output folder; a second one is a Failure with exit code 3.

    The lock lies beside the folder, or `inside` one that is not published as a whole.
    """
    path = folder / ".lock" if inside else folder.parent / f".{folder.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        rule = "an output lies in a folder, not in a file"
        raise Failure(Exit.USAGE, rule, received=path.parent) from None
    with path.open("a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            holder = held.read().strip() or "another process"
            rule = f"one run at a time writes to {folder}; {holder} holds it"
            raise Failure(Exit.OCCUPIED, rule) from None
        held.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        held.write(f"process {os.getpid()} on {socket.gethostname()} since {since}")
        held.flush()
        yield


def staging(folder: Path) -> Path:
    """The hidden folder beside `folder` that its stage works in. Survives a kill, for resuming."""
    return folder.parent / f".staging-{folder.name}"


def fresh_staging(folder: Path) -> Path:
    """An empty staging folder: what an earlier, interrupted run left there is removed."""
    path = staging(folder)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def publish(folder: Path, *, stage: str, made_from: str, facts: dict[str, Any]) -> Manifest:
    """Writes the manifest into the staging folder, then replaces `folder` by it.

    What this process has cost so far goes with the facts.
    """
    work = staging(folder)
    files = {str(p.relative_to(work)): (p.stat().st_size, file_sha256(p)) for p in _files(work)}
    manifest = Manifest(stage, made_from, files, {**facts, "cost": _cost()})
    write_text(work / MANIFEST, manifest.to_json())
    retired = folder.parent / f".retired-{folder.name}"
    shutil.rmtree(retired, ignore_errors=True)
    if folder.exists():
        folder.rename(retired)
    work.rename(folder)
    shutil.rmtree(retired, ignore_errors=True)
    return manifest


def _cost() -> dict[str, float]:
    """Seconds since this process began, seconds of all its cores, and its peak of memory."""
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "seconds": round(time.monotonic() - _STARTED, 3),
        "cpu_seconds": round(sum(u.ru_utime + u.ru_stime for u in (own, children)), 3),
        "peak_bytes": 1024 * max(_own_peak(own.ru_maxrss), children.ru_maxrss),
    }


def _own_peak(whole: int) -> int:
    """KiB. `whole` begins with what the process had that started this one."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), whole)


def write_text(path: Path, text: str) -> None:
    """Writes a whole file or none: under another name, synced, renamed."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def combined_hash(parts: Iterable[str]) -> str:
    """One SHA-256 over several strings; the order and the borders between them count."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)


def _is_inside(folder: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except ValueError:  # NUL, or half a character: no file can have such a name
        return False
