"""Reading text, JSON and TOML from outside: size and nesting bounded before anything is decoded.

Whatever is wrong is a DataError that says where, what was expected, what was found and what to do;
a disk that fails is a DiskFailure.
The bounds stand in docs/reliability.md. Parquet and npz: storage/parquet.py and storage/npz.py.
"""

import hashlib
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import DataError, unreadable
from detect.json_values import DEPTH, check_halves, check_value, too_deep

# Bytes of one file: a recipe; a card; text such as a list of images; COCO's annotations.
TOML_BYTES, CARD_BYTES, TEXT_BYTES, RECORDS_BYTES = 2**20, 2**24, 2**28, 2**31
# An annotation in XML: fifty thousand objects of an image.
XML_BYTES = 2**24
# Of unfinished.jsonl, an image: a hundred thousand detections. Of COCO results, an entry.
LINE_BYTES = 2**24
# Of an image id's parts, a class or a source: what file systems take as a name.
NAME_BYTES = 255

_AGAIN = "Copy the file again, or make it anew."
_OTHERS = bytes(set(range(256)) - set(b'"[]{}'))
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1
# A key of more than DEPTH parts, or text that looks like one. tomllib's memory grows with the
# square of their number.
_KEY = r"(?:[\w-]++|\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*+')"
_DEEP_KEY = re.compile(rf"(?<![\w-]){_KEY}(?:[ \t]*+\.[ \t]*+{_KEY}){{{DEPTH}}}")


def read_bytes(path: Path, what: str, most: int = CARD_BYTES, remedy: str = _AGAIN) -> bytes:
    """Return what `path` holds; DataError if it cannot be read or is larger than `most` bytes."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            # As much memory is taken as is asked for; a pipe or a device has no size.
            size = min(found.st_size, most) if stat.S_ISREG(found.st_mode) else most
            content = file.read(size + 1)
    except OSError as error:
        raise unreadable(path, error, remedy) from error
    except ValueError as error:  # A name that no file can have.
        raise DataError(f"{path!r}: cannot be read: {error}.") from error
    if len(content) > most:
        raise DataError(f"{path}: expected {what}, of at most {most:,} bytes, got more. {remedy}")
    return content


def file_digest(path: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of what `path` holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def read_text(path: Path, what: str, most: int = TEXT_BYTES, remedy: str = _AGAIN) -> str:
    """Return UTF-8 text, with or without a byte order mark; DataError as `read_bytes`, or if none.

    Ends of lines are as in the file: str.splitlines takes them all.
    """
    content = read_bytes(path, what, most, remedy)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text ({error.reason} at {error.start}). Expected {what}. Save it "
            f"as UTF-8 if it is in another encoding. {remedy}"
        ) from error


def read_json(path: Path, what: str, remedy: str = _AGAIN) -> Any:
    """Return the JSON in `path`, of CARD_BYTES at most; DataError as `read_text`, `parse_json`."""
    return parse_json(read_text(path, what, CARD_BYTES, remedy), path, what, remedy)


def read_object(path: Path, what: str, remedy: str = _AGAIN) -> dict[str, Any]:
    """Return the JSON object in `path`; DataError as `read_json`, and for anything else."""
    return parse_object(read_text(path, what, CARD_BYTES, remedy), path, what, remedy)


def read_toml(path: Path, what: str, remedy: str = _AGAIN) -> dict[str, Any]:
    """Return the TOML in `path`, of TOML_BYTES at most; DataError as `read_text`, `parse_toml`."""
    return parse_toml(read_text(path, what, TOML_BYTES, remedy), path, what, remedy)


def parse_json(text: str | bytes, where: object, what: str, remedy: str = _AGAIN) -> Any:
    """Return what the JSON `text` of `where` says; DataError if it is none.

    Refused beside broken text: nesting beyond DEPTH, a key twice in an object, NaN and infinity,
    whole numbers beyond 64 bits, halves of surrogate pairs.
    """
    try:
        decoded = _bounded(text)
        value = json.loads(decoded, object_pairs_hook=_object, parse_constant=_no_number)
        check_value(value)
    except ValueError as error:
        raise _wrong(where, "JSON", error, what, remedy) from error
    return value


def parse_object(
    text: str | bytes, where: object, what: str, remedy: str = _AGAIN
) -> dict[str, Any]:
    """Return what `parse_json` returns, a JSON object; DataError for anything else as well."""
    value = parse_json(text, where, what, remedy)
    if not isinstance(value, dict):
        got = "null" if value is None else f"a {type(value).__name__}"
        raise DataError(f"{where}: expected {what}, a JSON object, got {got}. {remedy}")
    return value


def parse_records(text: str | bytes, where: object, what: str, remedy: str = _AGAIN) -> Any:
    """Return what the JSON `text` says, of many records: DataError for nesting, halves of pairs.

    Numbers (NaN too) are left to whoever can name the record; of a key that is there twice the
    last counts, as for everybody who reads the format. Both would cost as much as the decoding.
    """
    try:
        decoded = _bounded(text)
        value = json.loads(decoded)
        check_halves(value, decoded)
    except ValueError as error:
        raise _wrong(where, "JSON", error, what, remedy) from error
    return value


def parse_toml(text: str, where: object, what: str, remedy: str = _AGAIN) -> dict[str, Any]:
    """Return what the TOML `text` of `where` says; DataError if it is none, as `parse_json`.

    nan and inf are numbers in TOML: whoever knows the key refuses them.
    """
    try:
        if _DEEP_KEY.search(text):
            raise too_deep()
        value = tomllib.loads(text)
        check_value(value, finite=False)
    except RecursionError as error:  # Brackets may stand in comments and four kinds of strings.
        raise _wrong(where, "TOML", too_deep(), what, remedy) from error
    except ValueError as error:
        raise _wrong(where, "TOML", error, what, remedy) from error
    return value


def read_json_lines(path: Path, what: str, remedy: str = _AGAIN) -> Iterator[tuple[int, Any]]:
    """Yield number (from 1) and value of each line of at most LINE_BYTES, one in memory.

    DataError as `parse_records`.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES + 1), b""), 1):
                where = f"{path}, line {number}"
                if len(line) > LINE_BYTES:
                    raise DataError(f"{where}: longer than {LINE_BYTES:,} bytes. {remedy}")
                yield number, parse_records(line, where, what, remedy)
    except OSError as error:
        raise unreadable(path, error, remedy) from error


def is_name(value: object) -> bool:
    """Tell whether `value` can name a class, a source or a file: text of 1 to NAME_BYTES bytes."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    try:
        return len(value.encode()) <= NAME_BYTES
    except UnicodeEncodeError:
        return False


def is_path(value: object) -> bool:
    """Tell whether `value` can be an image id or a path: parts that are names, between slashes."""
    return isinstance(value, str) and all(map(is_name, value.strip("/").split("/")))


def shown(value: object, most: int = 60) -> str:
    """Return `value` as an error shows it: quoted where it is text, and cut."""
    text = repr(value[: most + 1] if isinstance(value, str) else value)
    return text if len(text) <= most else f"{text[:most]}..."


def _bounded(text: str | bytes) -> str:
    """Return JSON `text` decoded; ValueError unless it is UTF-8 and nests up to DEPTH."""
    content = text.encode() if isinstance(text, str) else text
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    signs = np.frombuffer(content.translate(None, _OTHERS), np.uint8)
    steps = _STEPS[signs]
    steps[np.logical_xor.accumulate(signs == ord('"'))] = 0  # Within a string.
    if np.cumsum(steps, dtype=np.int64).max(initial=0) > DEPTH:
        raise too_deep()
    return text if isinstance(text, str) else text.decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} is there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def _wrong(where: object, form: str, error: ValueError, what: str, remedy: str) -> DataError:
    reason = "not UTF-8 text" if isinstance(error, UnicodeError) else str(error)
    return DataError(f"{where}: not valid {form}: {reason.rstrip('.')}. Expected {what}. {remedy}")
