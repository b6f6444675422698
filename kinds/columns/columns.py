"""Arrow columns whatever they are to become: plain arrays, checked text, what is bad in them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import uuids

Indices = npt.NDArray[np.int64]
# A typed column -> float32 [rows], NaN where a value is missing.
Line = Callable[[pa.Array], npt.NDArray[np.float32]]
# A missing text in raw features: no UTF-8 text holds this byte, so it is not the empty text.
MISSING = b"\xff"
TEXTS = pa.list_(pa.string())

_BYTES = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
    pa.types.is_fixed_size_binary,
)


@dataclass(frozen=True)
class Bad:
    """Indices of bad values, all for one reason."""

    reason: str
    at: Indices


class Unreadable(Exception):
    """A column's type can never become what is asked for."""


class Values(pa.ExtensionType):
    """Cells of any number of values each, as tf.Example has them.

    What is asked for decides what they are: a list takes all, anything else the only one.
    """

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__(pa.list_(kind), "values")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "Values":
        return cls(storage.value_type)

    def __hash__(self) -> int:
        return hash(self.storage_type)


class JsonLists(pa.ExtensionType):
    """Lists of texts, as JSON lines have them.

    Where no list is asked for they are the text of their JSON.
    """

    def __init__(self) -> None:
        super().__init__(TEXTS, "json_lists")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "JsonLists":
        return cls()

    @classmethod
    def of(cls, column: pa.Array) -> pa.Array:
        return pa.ExtensionArray.from_storage(cls(), column)


def only(column: pa.Array) -> tuple[pa.Array, list[Bad]]:
    """The one value of each cell of a column of `Values`, null where there is none."""
    lengths = pc.fill_null(pc.list_value_length(column.storage), 0).to_numpy(zero_copy_only=False)
    places = pa.array(np.cumsum(lengths) - lengths, mask=lengths != 1)
    return column.storage.flatten().take(places), [
        Bad("several_values", np.flatnonzero(lengths > 1))
    ]


def plain(column: pa.Array) -> tuple[pa.Array, list[Bad]]:
    """Without dictionaries and extension types; bytes as checked text, UUIDs as theirs."""
    if uuids.is_uuid(column.type):
        return uuids.texts(column), []
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if _is_bytes(column.type):
        text, bad = decoded(column.cast(pa.binary()))
        return text, [Bad("invalid_utf8", bad)]
    return column, []


def decoded(column: pa.Array) -> tuple[pa.Array, Indices]:
    """Bytes to text. Where they are not UTF-8 the text is null and its index is given."""
    try:
        return column.cast(pa.string()), _none()
    except pa.ArrowInvalid:
        pass
    bad = [at for at, value in enumerate(column.to_pylist()) if not _is_utf8(value)]
    mask = np.zeros(len(column), dtype=bool)
    mask[bad] = True
    kept = pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)
    return kept.cast(pa.string()), np.array(bad, dtype=np.int64)


def seconds(column: pa.Array) -> pa.Array:
    """The seconds of lengths of time, float64, whatever their unit is."""
    unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    counts = column.cast(pa.int64())
    whole = pc.divide(counts, unit)
    left = pc.subtract(counts, pc.multiply(whole, unit)).cast(pa.float64())
    return pc.add(whole.cast(pa.float64(), safe=False), pc.divide(left, float(unit)))


def _is_utf8(value: bytes | None) -> bool:
    try:
        return value is None or bool(value.decode("utf-8") or True)
    except UnicodeDecodeError:
        return False


def _none() -> Indices:
    return np.zeros(0, dtype=np.int64)


def is_missing(typed: pa.Array) -> pa.Array:
    """Whether a typed value is missing: null, or NaN among numbers."""
    return typed.is_null(nan_is_null=pa.types.is_floating(typed.type))


def where(mask: pa.Array) -> Indices:
    """The indices at which a mask is true."""
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))


def _is_bytes(kind: pa.DataType) -> bool:
    return any(is_type(kind) for is_type in _BYTES)
