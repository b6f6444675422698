"""A source of vectors: how wide they are, and each value with its vector as the file has it."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from pipeline.storage import stores

Array = npt.NDArray[Any]


class Damaged(ValueError):
    """A file that breaks the rules of its format; the message is the rule."""


@dataclass(frozen=True)
class Source:
    """`rows` gives each value as UTF-8 and its vector as it lies in the file; `numbers` makes
    numbers of one, since few are wanted. `rows` may be begun once."""

    width: int
    rows: Iterator[tuple[bytes, Any]]
    numbers: Callable[[Any], Array] = np.asarray


@contextmanager
def unpacked(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file here or in a store, unpacked where its name ends with .gz."""
    with stores.reader(path) as file:
        if not path.endswith(".gz"):
            yield file
            return
        with gzip.open(file) as plain:
            yield cast(IO[bytes], plain)
