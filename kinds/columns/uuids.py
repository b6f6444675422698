"""Text of a column of UUIDs, which Arrow holds as 16 bytes each."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BYTES, _LETTERS = 16, 36
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8)
_DASHES = [8, 13, 18, 23]


def is_uuid(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.UuidType)


def texts(column: pa.Array) -> pa.Array:
    """As everybody writes them.

    >>> bytes16 = pa.array([bytes(range(16)), None], pa.binary(16))
    >>> texts(pa.ExtensionArray.from_storage(pa.uuid(), bytes16)).to_pylist()
    ['00010203-0405-0607-0809-0a0b0c0d0e0f', None]
    """
    storage, rows = column.storage, len(column)
    content = storage.buffers()[1]
    if not rows or content is None:
        return pa.nulls(rows, pa.string())
    found = np.frombuffer(content, np.uint8)[storage.offset * _BYTES :][: rows * _BYTES]
    letters = np.full((rows, _LETTERS), ord("-"), np.uint8)
    is_letter = np.delete(np.arange(_LETTERS), _DASHES)
    letters[:, is_letter] = _HEX.reshape(256, 2)[found].reshape(rows, 2 * _BYTES)
    ends = pa.py_buffer(np.arange(0, rows * _LETTERS + 1, _LETTERS, dtype=np.int32))
    written = pa.StringArray.from_buffers(rows, ends, pa.py_buffer(letters))
    return pc.if_else(storage.is_valid(), written, pa.scalar(None, pa.string()))
