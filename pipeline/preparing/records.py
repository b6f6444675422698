"""Serialised examples with their features in the order of their names.

The encoder writes the features of each example in an order of its own, another one each time, as
protobuf's maps do. With one order the same rows make the same files, and equal examples are equal
bytes: they are in one fold of the averages that memories keep.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
# A length has at most so many bytes: an example is below 2 GiB.
_MOST = 5
# What is put in order at once stays in the processor's cache.
BLOCK_BYTES = 2 << 20
# Products with it, cut to 64 bits, are different for different bytes.
_PRIME = 1_099_511_628_211


def in_order(records: Sequence[bytes], names: Sequence[str]) -> list[bytes]:
    """The same examples, each of which has a feature for each of the names.

    An example is a field of fields, each of them a name and a feature, each behind a tag of one
    byte and its length.
    """
    known = _Names(names)
    at_once = max(1, BLOCK_BYTES // max(1, max(map(len, records), default=0)))
    blocks = (records[at : at + at_once] for at in range(0, len(records), at_once))
    return [record for block in blocks for record in _in_order(block, known)]


def _in_order(records: Sequence[bytes], names: "_Names") -> list[bytes]:
    data = np.frombuffer(b"".join(records) + bytes(2 * _MOST), np.uint8)
    lengths = np.fromiter(map(len, records), np.int64, len(records))
    ends = np.cumsum(lengths)
    starts = ends - lengths
    _, at = _length(data, starts)
    # Where a part of an example is, by row and place: what stands before the features, and these.
    begins = np.zeros((len(records), names.count + 1), np.int64)
    sizes = np.zeros_like(begins)
    begins[:, 0], sizes[:, 0] = starts, at - starts
    rows = np.arange(len(records))
    for _ in range(names.count):
        size, inner = _length(data, at)
        place = names.places(data, *_length(data, inner)) + 1
        begins[rows, place], sizes[rows, place] = at, inner + size - at
        at = inner + size
    assert np.array_equal(at, ends) and sizes.all()
    ordered = data[_spread(begins.ravel(), sizes.ravel())]
    offsets = np.append(0, ends)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(ordered)]
    made: list[bytes] = pa.Array.from_buffers(pa.large_binary(), len(records), buffers).to_pylist()
    return made


def _length(data: Bytes, at: Places) -> tuple[Places, Places]:
    """The length behind a tag of one byte, and where what it is the length of begins."""
    at = at + 1
    byte = data[at]
    size, shift = (byte & 127).astype(np.int64), 0
    while (more := byte > 127).any():
        at, shift = at + more, shift + 7
        byte = np.where(more, data[at], 0)
        size += (byte & 127).astype(np.int64) << shift
    return size, at + 1


class _Names:
    """Names in their order, found by their lengths and as many last bytes as tell them apart."""

    def __init__(self, names: Sequence[str]) -> None:
        self.count = len(names)
        encoded = [name.encode() for name in sorted(names)]
        data = np.frombuffer(b"".join(encoded), np.uint8)
        sizes = np.array([*map(len, encoded)], np.int64)
        begins = np.cumsum(sizes) - sizes
        self._bytes = 0
        while len(np.unique(codes := self._codes(data, sizes, begins))) < len(encoded):
            self._bytes += 1
        self._order = np.argsort(codes)
        self._codes_in_order = codes[self._order]

    def places(self, data: Bytes, sizes: Places, begins: Places) -> Places:
        """The place of each of the names that stand there."""
        codes = self._codes(data, sizes, begins)
        return np.asarray(self._order[np.searchsorted(self._codes_in_order, codes)])

    def _codes(self, data: Bytes, sizes: Places, begins: Places) -> Places:
        codes, ends = sizes, begins + sizes
        for behind in range(1, self._bytes + 1):
            codes = codes * _PRIME + np.where(behind <= sizes, data[ends - behind], 0)
        return codes


def _spread(begins: Places, sizes: Places) -> npt.NDArray[np.int32]:
    """The places of all bytes of parts, one part after the other."""
    before = np.cumsum(sizes) - sizes
    places: npt.NDArray[np.int32] = np.repeat((begins - before).astype(np.int32), sizes)
    places += np.arange(len(places), dtype=np.int32)
    return places
