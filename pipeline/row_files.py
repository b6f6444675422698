"""Files of rows whatever their format: how one is opened, and what is said of a damaged one."""

import csv
import gzip
from pathlib import Path
from typing import IO

import pyarrow as pa

from pipeline.failures import Exit, Failure
from pipeline.raw_batches import BLOCK_BYTES


def opened(path: str) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in .gz."""
    return gzip.open(path) if path.endswith(".gz") else Path(path).open("rb")  # type: ignore[return-value]


class damage:
    """Turns the readers' errors over a damaged file into a Failure with exit code 5."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Arrow's readers raise an OSError without a number for damage, and so does gzip.
        damaged = isinstance(error, OSError) and error.errno is None
        if not (damaged or isinstance(error, pa.ArrowException | EOFError | csv.Error)):
            return
        said = " ".join(str(error).split())
        if "straddl" in said:
            said = f"a row of more than {BLOCK_BYTES >> 20} MB, or a quote that is never closed"
        rule = f"{self._path} is damaged or cut short"
        raise Failure(Exit.INTEGRITY, rule, received=said[:300]) from None
