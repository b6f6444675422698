"""Vectors as an array of NumPy, .npy, and their values in a .txt of the same name, one a line."""

from collections.abc import Iterator
from typing import IO

import numpy as np

from pipeline.storage import stores
from pipeline.vectors.source import Array, Damaged, Source

_BLOCK = 4096


def values_path(path: str) -> str:
    return path[: -len(".npy")] + ".txt"


def source(path: str) -> Iterator[Source]:
    with stores.reader(path) as file, stores.reader(values_path(path)) as values:
        count, width, dtype = _header(file)
        yield Source(width, _rows(file, values, (count, width), dtype))


def _header(file: IO[bytes]) -> tuple[int, int, np.dtype]:
    try:
        major, _ = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        shape, by_columns, dtype = (read if major == 1 else np.lib.format.read_array_header_2_0)(
            file
        )
    except ValueError:
        raise Damaged("an .npy holds an array as NumPy saves it") from None
    if len(shape) != 2 or by_columns or dtype.kind != "f" or 0 in shape[1:]:
        rule = "an .npy of vectors is an array of floats [values, width] in C order"
        raise Damaged(f"{rule}; not {dtype} {list(shape)}")
    return shape[0], shape[1], dtype


def _rows(
    file: IO[bytes], values: IO[bytes], shape: tuple[int, int], dtype: np.dtype
) -> Iterator[tuple[bytes, Array]]:
    count, width = shape
    for start in range(0, count, _BLOCK):
        rows = min(_BLOCK, count - start)
        content = file.read(rows * width * dtype.itemsize)
        if len(content) < rows * width * dtype.itemsize:
            raise Damaged(f"the array must have {count:,} rows; the file ends before")
        for row in np.frombuffer(content, dtype).reshape(rows, width):
            value = values.readline()
            if not value:
                raise Damaged(f"the .txt beside must have {count:,} lines, one for each row")
            yield value.rstrip(b"\r\n"), row
    if values.readline():
        raise Damaged(f"the .txt beside must have {count:,} lines, one for each row; it has more")
