"""The entries of a JSON list in a file, one at a time, so that memory does not grow with the file.

By Python's own decoder, an entry a call: numbers, names and the texts of errors are json's.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from detect.errors import DataError
from detect.json_values import DEPTH, check_halves
from detect.reading import LINE_BYTES, RECORDS_BYTES

_CHARACTERS_AT_ONCE = 2**18
_BLANK = re.compile(r"[ \t\n\r]*")  # what JSON allows between its parts (RFC 8259, section 2)


class NotAListError(Exception):
    """The file holds other JSON than a list: `content`."""

    def __init__(self, content: Any) -> None:
        super().__init__(type(content).__name__)
        self.content = content


def read_entries(path: Path) -> Iterator[Any]:
    """Yield the entries of the list in `path`.

    Raises what json.load raises of the whole file, where the text goes wrong and not before, and
    NotAListError; DataError beyond a bound (RECORDS_BYTES a file, LINE_BYTES an entry, DEPTH), and
    for halves of surrogate pairs.
    """
    try:
        yield from _read(path)
    except RecursionError:
        raise _too_deep(path) from None


def _read(path: Path) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            if os.fstat(stream.fileno()).st_size > RECORDS_BYTES:
                raise DataError(f"{path}: expected at most {RECORDS_BYTES:,} bytes, got more.")
            yield from _Entries(stream, path)
    except ValueError:
        # The place in the text that json names is one in the whole of it.
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if isinstance(content, list):
            longest = f"{LINE_BYTES:,} characters"
            raise DataError(f"{path}: an entry is longer than {longest}.") from None
        raise NotAListError(content) from None


def _too_deep(path: Path) -> DataError:
    return DataError(f"{path}: not valid JSON: nested deeper than {DEPTH}.")


class _Entries:
    """The entries of the list that `stream` holds; ValueError for text that is no such list."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        self._stream, self._path = stream, path
        self._decode = json.JSONDecoder().raw_decode
        self._text, self._at = "", 0
        self._ended = False

    def __iter__(self) -> Iterator[Any]:
        self._take("[")
        if self._next() != "]":
            yield self._entry()
            while self._next() == ",":
                self._at += 1
                yield self._entry()
        self._take("]")
        if self._next():
            raise ValueError("text after the list")

    def _entry(self) -> Any:
        """Decode the next entry and stand behind it; read on as long as it may be cut off."""
        self._next()
        while True:
            try:
                entry, end = self._decode(self._text, self._at)
            except ValueError:
                if self._ended:
                    raise
            else:
                # Only what follows tells that a number does not go on in what is not read yet.
                end = self._after_blanks(end)
                if self._text[end : end + 1] in (",", "]"):
                    self._check(entry, end)
                    self._at = end
                    return entry
                if self._ended:
                    raise ValueError("neither a comma nor the end of the list")
            if len(self._text) - self._at > LINE_BYTES:
                raise ValueError("an entry that does not end")
            self._read()

    def _check(self, entry: Any, end: int) -> None:
        """Raise DataError where the `entry` up to `end` nests too deep or has half of a pair."""
        brackets = sum(self._text.count(sign, self._at, end) for sign in "[{")
        if brackets >= DEPTH and _deeper(entry, DEPTH - 1):
            raise _too_deep(self._path)
        try:
            check_halves(entry, self._text, self._at, end)
        except ValueError as error:
            raise DataError(f"{self._path}: not valid JSON: {error}.") from error

    def _take(self, sign: str) -> None:
        if self._next() != sign:
            raise ValueError(f"no {sign}")
        self._at += 1

    def _next(self) -> str:
        """Return the next character that is not blank, and stand there; "" at the end."""
        while True:
            self._at = self._after_blanks(self._at)
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read()

    def _after_blanks(self, at: int) -> int:
        blank = _BLANK.match(self._text, at)
        return at if blank is None else blank.end()

    def _read(self) -> None:
        """Read on, as much again as is not decoded yet: long entries are decoded a few times."""
        left = self._text[self._at :]
        more = self._stream.read(max(_CHARACTERS_AT_ONCE, len(left)))
        self._text, self._at, self._ended = left + more, 0, not more


def _deeper(value: Any, most: int) -> bool:
    """Tell whether lists and objects are nested in `value` more than `most` deep."""
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        level = [
            inner for one in level for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth > most
