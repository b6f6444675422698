"""Vectors as text: a value and its numbers on each line, as fastText, word2vec and GloVe write."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from pipeline.vectors.source import Array, Damaged, Source, unpacked


def source(path: str) -> Iterator[Source]:
    with unpacked(path) as file:
        first = _fields(next(iter(file), b""))
        width, begun = len(first) - 1, [b" ".join(first)]
        if len(first) == 2 and first[0].isdigit() and first[1].isdigit():
            width, begun = int(first[1]), []  # the line of sizes: values, width
        if width < 1:
            raise Damaged("a line has a value and its numbers, with spaces between them")
        yield Source(width, _rows(chain(begun, file), width), _numbers)


def _fields(line: bytes) -> list[bytes]:
    return line.rstrip(b" \r\n").split(b" ")


def _rows(lines: Iterable[bytes], width: int) -> Iterator[tuple[bytes, bytes]]:
    """A value may hold spaces itself: its numbers are the last `width` of the line."""
    for line in lines:
        row = line.rstrip(b" \r\n")
        spaces = row.count(b" ")
        if spaces < width:
            if not row:
                continue
            said = row[:40].decode(errors="replace")
            raise Damaged(f"a line has a value and {width} numbers; not the one of {said!r}")
        if spaces == width:
            value, _, numbers = row.partition(b" ")
            yield value, numbers
        else:
            value, *own = row.rsplit(b" ", width)
            yield value, b" ".join(own)


def _numbers(row: bytes) -> Array:
    try:
        return np.array([float(number) for number in row.split(b" ")], np.float32)
    except ValueError:
        said = row[:40].decode(errors="replace")
        raise Damaged(f"behind a value come its numbers; not {said!r}") from None
