"""Folders that are elsewhere, such as gs://bucket/folder, through TensorFlow's file layer.

The trainer works in local folders: it copies in what it reads, and copies out what it has made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from pipeline.failures import Exit, Failure
from pipeline.manifest import MANIFEST

gfile = tf.io.gfile


def copy_in(folder: str, local: Path) -> None:
    """Copies all files of a folder; nothing where there is none."""
    with reachable(folder):
        for name in files_in(folder):
            target = local / name
            target.parent.mkdir(parents=True, exist_ok=True)
            gfile.copy(gfile.join(folder, name), str(target), overwrite=True)


def publish_out(local: Path, folder: str) -> None:
    """Makes `folder` hold the files of `local` and no others. Its manifest is taken away first and
    copied last: without one it is not finished."""
    with reachable(folder):
        if MANIFEST in files_in(folder):
            gfile.remove(gfile.join(folder, MANIFEST))
    _mirror(local, folder, last=MANIFEST)


def keep_copy(local: Path, folder: str) -> None:
    """The same for an unfinished run. A checkpoint that is there stays until a newer one is whole,
    which it is with its index."""
    _mirror(local, folder, last=".index")


def _mirror(local: Path, folder: str, *, last: str) -> None:
    names = [str(path.relative_to(local)) for path in sorted(local.rglob("*")) if path.is_file()]
    with reachable(folder):
        for name in sorted(names, key=lambda n: n.endswith(last)):
            target = gfile.join(folder, name)
            gfile.makedirs(target.rpartition("/")[0])
            gfile.copy(str(local / name), target, overwrite=True)
        for name in set(files_in(folder)) - set(names):
            gfile.remove(gfile.join(folder, name))


def files_in(folder: str) -> list[str]:
    """The names of all files in a folder and below, from there."""
    start = folder.rstrip("/")
    if not gfile.exists(start):  # isdir would say no where it cannot ask
        return []
    found = [gfile.join(where, name) for where, _, names in gfile.walk(start) for name in names]
    return sorted(path.removeprefix(start).lstrip("/") for path in found)


@contextmanager
def reachable(folder: str) -> Iterator[None]:
    """Turns what the file layer raises into a Failure with exit code 6."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = " ".join(str(error.message).split())
        rule = f"{folder} must be there, and this machine must be allowed to use it"
        raise Failure(Exit.ENVIRONMENT, rule, received=f"{reason:.300}") from None
