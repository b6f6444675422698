"""Protobuf's wire format, as far as a reader of ONNX files needs it without the `onnx` package.

A message is a row of fields: a number that names each, then its value. Nothing is copied.
https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator

Message = memoryview


def message(value: int | memoryview | bytes) -> Message:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return memoryview(value)


def fields(content: Message) -> Iterator[tuple[int, int | memoryview]]:
    """The field numbers of a message with their values: numbers, or slices not yet read."""
    at, end = 0, len(content)
    while at < end:
        key, at = varint(content, at)
        kind, start = key & 7, at
        if kind == 0:
            value, at = varint(content, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, start = varint(content, at)
            at = start + length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at > end:
            raise ValueError("cut short")
        yield key >> 3, content[start:at]


def varint(content: Message, at: int) -> tuple[int, int]:
    """
    >>> varint(memoryview(bytes([0xAC, 0x02])), 0)
    (300, 2)
    """
    value = shift = 0
    while shift < 64:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number of more than 64 bits")
