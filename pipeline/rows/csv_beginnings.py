"""Where rows of a CSV file begin: one fast look at its quotes and line ends, no cell parsed.

Arrow and Python's csv module take a quote for the begin of quoted text only where a cell begins;
two of them in quoted text are one quote of the text. So where every second quote stands at the
begin of a cell, or right behind the quote before it, a place is in quoted text exactly if an odd
number of quotes stands before it. That is checked for every quote. From the first block on that
holds another one, no row is said to begin anywhere.
"""

from collections.abc import Iterator
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.rows.batches import BLOCK_BYTES

_QUOTE, _LF, _CR = b'"\n\r'
_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Places: TypeAlias = npt.NDArray[np.int64]


def beginnings(file: IO[bytes], delimiter: str) -> Iterator[tuple[int, int]]:
    """Where some rows begin in the rest of a file: the place of one and its number, from 2 on."""
    begins_a_cell = np.zeros(256, dtype=bool)
    begins_a_cell[[_QUOTE, _LF, _CR, ord(delimiter)]] = True
    # A block is looked at with the byte before it; the first begins as if behind a line.
    place, row, is_inside, last = file.tell() - 1, 0, False, b"\n"
    while block := file.read(BLOCK_BYTES):
        content = np.frombuffer(last + block, dtype=np.uint8)
        quotes = np.flatnonzero(content[1:] == _QUOTE) + 1
        if not begins_a_cell[content[quotes[int(is_inside) :: 2] - 1]].all():
            return
        ends = _line_ends(content, quotes, is_inside)
        closing = ends[~_is_line_end(content[ends - 1])]
        begins = ends[:-1][~_is_line_end(content[ends[:-1] + 1])] + 1
        if len(begins):
            # The header is row 0, so what begins behind n closed rows is row n.
            number = row + int(np.searchsorted(closing, begins[-1]))
            if number > 1:
                yield place + int(begins[-1]), number
        row += len(closing)
        is_inside ^= len(quotes) % 2 == 1
        place, last = place + len(block), block[-1:]


def _line_ends(content: _Bytes, quotes: _Places, is_inside: bool) -> _Places:
    """Every CR and LF outside quotes, but for the byte before the block."""
    ends = np.flatnonzero(_is_line_end(content[1:])) + 1
    quotes_before = np.searchsorted(quotes, ends) + int(is_inside)
    return ends[quotes_before % 2 == 0]


def _is_line_end(content: _Bytes) -> npt.NDArray[np.bool_]:
    return (content == _LF) | (content == _CR)
