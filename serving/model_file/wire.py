"""Protobuf's wire format, as far as ONNX files need it without the `onnx` package.

A message is a row of fields: a number that names each, then its value. Reading copies nothing.
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


def field(number: int, value: bytes | memoryview | int) -> bytes:
    """One field as it is written: a message or text with its length, or a whole number.

    >>> field(1, b"ab"), field(2, 300)
    (b'\\n\\x02ab', b'\\x10\\xac\\x02')
    """
    if isinstance(value, int):
        return _written(number << 3) + _written(value)
    return b"".join((_written(number << 3 | 2), _written(len(value)), value))


def _written(number: int) -> bytes:
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127)
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])
