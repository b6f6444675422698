"""Vectors in word2vec's binary form: a line of sizes, then each value, a space and its floats."""

from collections.abc import Iterator
from typing import IO

import numpy as np

from pipeline.vectors.source import Array, Damaged, Source, unpacked

_CHUNK = 1 << 20
_LONGEST_LINE = 64


def source(path: str) -> Iterator[Source]:
    with unpacked(path) as file:
        sizes = file.readline(_LONGEST_LINE).split()
        if len(sizes) != 2 or not all(one.isdigit() for one in sizes) or int(sizes[1]) < 1:
            rule = "a .bin begins with the number of vectors and their width, as word2vec writes it"
            raise Damaged(f"{rule}; of a fastText model take its .vec")
        count, width = map(int, sizes)
        yield Source(width, _rows(file, count, 4 * width), _numbers)


def _rows(file: IO[bytes], count: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    held, at = b"", 0
    for done in range(count):
        while (space := held.find(b" ", at)) < 0 or len(held) <= space + size:
            more = file.read(max(_CHUNK, size))
            if not more:
                raise Damaged(f"the file must hold {count:,} vectors; it ends after {done:,}")
            held, at = held[at:] + more, 0
        # Some writers end each vector with a line feed.
        yield held[at:space].lstrip(b"\n"), held[space + 1 : space + 1 + size]
        at = space + 1 + size


def _numbers(row: bytes) -> Array:
    return np.frombuffer(row, "<f4")
