"""Full disks: the message names the folder that needs room, and how much at least.

Libraries tell of it in ways of their own (Beam in a RuntimeError, TensorFlow in its own classes,
pyarrow without a path). What they have in common is the system's sentence. Standard library only.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.failures import Exit, Failure

_FULL = [os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)]


@contextmanager
def full_disk_explained(output: Path) -> Iterator[None]:
    """Turns an error over a full disk in its block into a Failure with exit code 6, which names
    `output` and the bytes that are needed: more than those that lie unfinished beside it."""
    try:
        yield
    except Exception as error:
        if not any(sentence in str(error) for sentence in _FULL):
            raise
        written = sum(_bytes(path) for path in output.parent.glob(f".*{output.name}*"))
        free = shutil.disk_usage(output.parent).free
        rule = (
            f"{_FULL[0]}: {output} needs more than the {written:,} bytes that could be written; "
            f"{free:,} are free now"
        )
        raise Failure(Exit.ENVIRONMENT, rule) from error


def _bytes(path: Path) -> int:
    total = 0
    for file in [path, *path.rglob("*")]:
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total
