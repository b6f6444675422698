"""Checkpoints of explicit variables: what a killed run needs to end with the same bits.

TensorFlow's own format, with a checksum for each tensor. A checkpoint that cannot be read is passed
over with a warning for the one before it.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from pipeline.failures import Exit, Failure

KEPT = 2
# A file that was cut short is an IndexError.
_UNREADABLE = (tf.errors.OpError, AssertionError, LookupError, ValueError, RuntimeError)


def save(folder: Path, state: Mapping[str, tf.Variable], step: int) -> None:
    """Writes the variables under the number of steps done, then removes all but the newest."""
    folder.mkdir(parents=True, exist_ok=True)
    # The index is written last and renamed into place: without it there is no checkpoint.
    tf.train.Checkpoint(state=dict(state)).write(str(folder / f"step-{step:012d}"))
    for index in _indexes(folder)[KEPT:]:
        for path in folder.glob(f"{index.stem}.*"):
            path.unlink()


def remove(folder: Path) -> None:
    """Removes all checkpoints at once: a kill leaves none that lacks a part."""
    retired = folder.with_name(f".retired-{folder.name}")
    shutil.rmtree(retired, ignore_errors=True)
    if not folder.exists():  # A run without an epoch has none.
        return
    folder.rename(retired)
    shutil.rmtree(retired)


def restore(folder: Path, state: Mapping[str, tf.Variable]) -> bool:
    """Reads the newest checkpoint that is whole; False where there is none at all.

    Raises Failure with exit code 5 where all that are there are damaged.
    """
    indexes = _indexes(folder)
    for index in indexes:
        try:
            found = tf.train.Checkpoint(state=dict(state)).read(str(index.with_suffix("")))
            found.assert_consumed()
        except _UNREADABLE as error:
            reason = str(error).splitlines()[0][:200]
            print(f"warning: {index.stem} cannot be read ({reason})", file=sys.stderr)
        else:
            return True
    if indexes:
        rule = "a checkpoint must be readable to go on; --force starts from the beginning"
        raise Failure(Exit.INTEGRITY, rule, received=folder)
    return False


def is_there(folder: Path) -> bool:
    """Whether a run has begun."""
    return bool(_indexes(folder))


def _indexes(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted(folder.glob("step-*.index"), reverse=True)
