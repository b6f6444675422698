"""A model file before onnxruntime sees it: its SHA-256, what it may hold, and who is to blame.

The bytes that were checked are the bytes that load.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.failures import Exit, Failure
from pipeline.folders.model import sha256_beside
from serving.model_file.allowed import refuse_unknown


def read_model(path: Path, *, unchecked: bool = False) -> bytes:
    """The bytes of a model, after both checks. Raises Failure: 2 without the file, 5 where it is
    not the one that was exported, or holds what is not allowed."""
    # Of one folder, whatever a link such as OUT/current leads to a moment later.
    file = path.parent.resolve() / path.name
    try:
        content = file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise Failure(Exit.USAGE, "the model must be a file that exists", received=path) from None
    if not unchecked:
        _check_sha256(file, content)
    refuse_unknown(content)
    return content


def _check_sha256(path: Path, content: bytes) -> None:
    beside = sha256_beside(path)
    try:
        said = beside.read_text(encoding="ascii").split()
    except (FileNotFoundError, UnicodeDecodeError):
        rule = f"{beside.name} must lie beside the model; without it a damaged file would go unseen"
        raise Failure(Exit.INTEGRITY, rule, received=path) from None
    if not said or said[0] != hashlib.sha256(content).hexdigest():
        raise Failure(Exit.INTEGRITY, f"the model differs from {beside.name}", received=path)


@contextmanager
def unchecked_to_blame(unchecked: bool) -> Iterator[None]:
    """A file that no hash vouches for may be anything: what goes wrong in the block is a
    Failure (5) then, whichever library met it."""
    try:
        yield
    except Exception as error:
        if isinstance(error, Failure) or not unchecked:
            raise
        rule = "the unchecked model does not run as one that serving.export wrote"
        said = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
        raise Failure(Exit.INTEGRITY, rule, received=said) from error
