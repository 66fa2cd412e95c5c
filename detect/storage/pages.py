"""What the pages of a Parquet column hold, by their own headers: those decide what is decoded.

The table at a file's end says it too, and may lie. A page's header is a struct of Thrift's compact
protocol (parquet.thrift, PageHeader: 2 and 3 are the page's bytes before and after compression; 5,
7 and 8 the header of a data page, a dictionary, a data page of version 2, 1 in each its values).
"""

import struct
from typing import Any

_UNCOMPRESSED, _COMPRESSED, _DATA, _DICTIONARY, _DATA_2, _VALUES = 2, 3, 5, 7, 8, 1
_DEEPEST = 8
# Thrift's compact types (thrift-compact-protocol.md).
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LISTS, _STRUCT = 1, 2, 3, 7, 8, (9, 10), 12
_WHOLE = (4, 5, 6)


def held(chunk: bytes) -> tuple[int, int, int]:
    """Return values of the data pages, values of the dictionary, and bytes before compression.

    `chunk` is a column's part of a row group. ValueError where a header is none.
    """
    at = values = dictionary = size = 0
    while at < len(chunk):
        reader = _Reader(chunk, at)
        header = reader.struct()
        size += _count(header, _UNCOMPRESSED)
        at = reader.at + _count(header, _COMPRESSED)
        for key in (_DATA, _DATA_2):
            values += _count(header[key], _VALUES) if key in header else 0
        dictionary += _count(header[_DICTIONARY], _VALUES) if _DICTIONARY in header else 0
    return values, dictionary, size


def _count(fields: Any, key: int) -> int:
    found = fields.get(key) if isinstance(fields, dict) else None
    if type(found) is not int or found < 0:
        raise ValueError("a page's header without a number of values or bytes")
    return found


class _Reader:
    """Reads `content` from `at`; ValueError where it ends too early or nests too deep."""

    def __init__(self, content: bytes, at: int) -> None:
        self.content, self.at = content, at

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields of the struct that begins here."""
        if depth > _DEEPEST:
            raise ValueError("a page's header nests too deep")
        found: dict[int, Any] = {}
        key = 0
        while (head := self._bytes(1)[0]) != 0:
            key = key + (head >> 4) if head >> 4 else _signed(self._varint())
            found[key] = self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _WHOLE:
            return _signed(self._varint())
        if kind == _BYTE:
            return self._bytes(1)[0]
        if kind == _DOUBLE:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            head = self._bytes(1)[0]
            count = head >> 4 if head >> 4 < 15 else self._varint()
            if depth > _DEEPEST or count > len(self.content):
                raise ValueError("a page's header holds too much")
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        raise ValueError(f"a page's header with a field of type {kind}")

    def _varint(self) -> int:
        number = shift = 0
        while shift < 70:
            byte = self._bytes(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
        raise ValueError("a page's header with a number beyond 64 bits")

    def _bytes(self, count: int) -> bytes:
        found = self.content[self.at : self.at + count]
        if len(found) < count:
            raise ValueError("a page's header is cut off")
        self.at += count
        return found


def _signed(number: int) -> int:
    """Undo Thrift's zigzag."""
    return (number >> 1) ^ -(number & 1)
