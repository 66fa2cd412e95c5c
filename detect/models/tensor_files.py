"""A .safetensors file whose header holds a card: tensors and what they are, in one file.

The format: https://github.com/huggingface/safetensors#format. The header's metadata have `card`, a
JSON text, and `card_sha256`, its SHA-256; the card has `weights_sha256`: that of the file as it is
without metadata, so that the same tensors have the same hash whatever is said about them. Nothing
is decoded before its size is known, and no tensor is read before it is one that was expected.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from detect.errors import DataError, unreadable
from detect.files import writing
from detect.formats import stamped
from detect.reading import CARD_BYTES, parse_object, shown

HASH_KEY = "weights_sha256"
_METADATA, _CARD, _CARD_HASH = "__metadata__", "card", "card_sha256"
COPY_AGAIN = "It may have been copied only in part: copy it again."

_TYPES = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
_HASH = re.compile(r"[0-9a-f]{64}")
_PREFIX = 8  # Bytes that say how long the header is.
_AXES = 8  # A shape of more takes other bytes than it says, or is of ones alone.

# A tensor's shape, and its type as torch and numpy name it.
Entry = tuple[tuple[int, ...], str]


@dataclass(frozen=True, eq=False)
class TensorFile:
    """An open .safetensors file: the `entries` of its tensors by name, the `metadata` beside them.

    `card` is what the header says of them, None in files without one. The bytes of the tensors
    begin at `start`, in the file as it is without metadata after `plain`.
    """

    path: Path
    entries: dict[str, Entry]
    metadata: dict[str, str]
    card: dict[str, Any] | None
    remedy: str
    start: int
    plain: bytes
    stream: FileIO

    def hash(self) -> str:
        """Return what identifies the tensors: what the card says, else the SHA-256 of the file."""
        if self.card is not None:
            return str(self.card[HASH_KEY])
        self.stream.seek(0)
        return hashlib.file_digest(self.stream, "sha256").hexdigest()

    def content(self) -> tuple[bytes, str]:
        """Return the whole file and what identifies its tensors, computed.

        DataError where the card has another hash.
        """
        self.stream.seek(0)
        content = self.stream.readall()  # Once, and no copy: this is most of what loading takes.
        if self.card is None:
            return content, hashlib.sha256(content).hexdigest()
        found = hashlib.sha256(self.plain)
        found.update(memoryview(content)[self.start :])
        if found.hexdigest() != self.card[HASH_KEY]:
            raise DataError(
                f"{self.path}: these are not the weights that its card describes (SHA-256 "
                f"differs). {self.remedy}"
            )
        return content, found.hexdigest()


def write_tensors(path: Path, card: Mapping[str, Any], content: bytes) -> str:
    """Write a safetensors file's `content` with `card`, and return the card as JSON text.

    The same bytes for the same content and card. ValueError unless `path` ends in .safetensors;
    errors of files.writing.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"path: expected a name ending in .safetensors, got {path}")
    start = _PREFIX + int.from_bytes(content[:_PREFIX], "little")
    values = stamped({**card, HASH_KEY: hashlib.sha256(content).hexdigest()})
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    metadata = {_CARD: text, _CARD_HASH: _sha256(text)}
    with writing(path) as stream:
        stream.write(_header({_METADATA: metadata, **json.loads(content[_PREFIX:start])}))
        stream.write(memoryview(content)[start:])
    return text


@contextmanager
def opened_tensors(path: Path, remedy: str = COPY_AGAIN) -> Iterator[TensorFile]:
    """Yield the file at `path`, its header read and checked; DataError, with `remedy`, if wrong."""
    try:
        with path.open("rb", buffering=0) as stream:
            try:
                file = _opened(path, remedy, stream)
            except ValueError as error:
                raise DataError(
                    f"{path}: not a complete .safetensors file ({error}). {remedy}"
                ) from error
            yield file
    except OSError as error:
        raise unreadable(path, error) from error


def _opened(path: Path, remedy: str, stream: FileIO) -> TensorFile:
    """Read the header; ValueError for anything that is none, DataError for a wrong card."""
    size = stream.seek(0, 2)
    stream.seek(0)
    prefix = stream.read(_PREFIX)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < _PREFIX or length > min(size - _PREFIX, 2 * CARD_BYTES):
        raise ValueError("no header, or a cut one")
    text = stream.read(length)
    header = parse_object(text, path, "the header of a .safetensors file", remedy)
    metadata = header.pop(_METADATA, {})
    if not _is_texts(metadata):
        raise ValueError(f"{_METADATA}: expected texts")
    start = _PREFIX + length
    entries, card = _entries(header, size - start), _card(path, metadata, remedy)
    return TensorFile(path, entries, metadata, card, remedy, start, _header(header), stream)


def _header(header: Mapping[str, Any]) -> bytes:
    """Return `header` and before it its length, as safetensors writes them."""
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(_PREFIX, "little") + text


def _is_texts(values: object) -> bool:
    return isinstance(values, dict) and all(isinstance(value, str) for value in values.values())


def _entries(header: Mapping[str, Any], size: int) -> dict[str, Entry]:
    """Return shapes and types; ValueError unless their `size` bytes lie one after the other."""
    entries, spans = dict[str, Entry](), [(0, 0), (size, size)]
    for name, values in header.items():
        try:
            kind, width = _TYPES[values["dtype"]]
            shape, (first, last) = tuple(values["shape"][:_AXES]), values["data_offsets"]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"tensor {shown(name)}: no known type, shape and offsets") from None
        if not all(type(side) is int and side >= 0 for side in (*shape, first, last)):
            raise ValueError(f"tensor {shown(name)}: expected whole numbers from 0")
        if last - first != prod(shape) * width:
            raise ValueError(f"tensor {shown(name)}: its shape takes other bytes than it has")
        entries[name] = shape, kind
        spans.append((first, last))
    if any(one[1] != other[0] for one, other in pairwise(sorted(spans))):
        raise ValueError("its tensors and its size do not agree")
    return entries


def _card(path: Path, metadata: Mapping[str, str], remedy: str) -> dict[str, Any] | None:
    if _CARD not in metadata:
        return None
    text = metadata[_CARD]
    if _sha256(text) != metadata.get(_CARD_HASH):
        raise DataError(f"{path}: the card in it is damaged (SHA-256 differs). {remedy}")
    card = parse_object(text, path, "a card", remedy)
    if not _HASH.fullmatch(str(card.get(HASH_KEY))):
        raise DataError(f"{path}: {HASH_KEY}: expected 64 hex digits. {remedy}")
    return card


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
