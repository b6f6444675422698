"""Files of rows whatever their format: how one is opened, and what is said of a damaged one."""

import csv
import gzip
from typing import IO

import pyarrow as pa

from pipeline import stores
from pipeline.failures import Exit, Failure
from pipeline.raw_batches import BLOCK_BYTES


def opened(path: str) -> IO[bytes]:
    """The bytes of a file or an object, unpacked where its name ends in .gz."""
    file = stores.reader(path)
    return _Unpacked(file) if path.endswith(".gz") else file  # type: ignore[return-value]


class _Unpacked(gzip.GzipFile):
    """Closes what it reads from, too."""

    def __init__(self, packed: IO[bytes]) -> None:
        super().__init__(fileobj=packed)
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


# What an error begins with where it is a store's, not the content's.
_STORES = ("AWS Error", "google::cloud")


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
        if any(store in said for store in _STORES):
            rule = f"{self._path} must be readable"
            raise Failure(Exit.ENVIRONMENT, rule, received=said[:300]) from None
        if "straddl" in said:
            said = f"a row of more than {BLOCK_BYTES >> 20} MB, or a quote that is never closed"
        rule = f"{self._path} is damaged or cut short"
        raise Failure(Exit.INTEGRITY, rule, received=said[:300]) from None
