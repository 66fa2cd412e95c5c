"""Exported files on disk: NAME.onnx, or NAME.xml with its weights NAME.bin beside it.

The last bytes hold the SHA-256 of all others, of the .bin too, in a way that other programs read
over: in ONNX an entry `sha256` of metadata_props, in XML a comment.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from detect.errors import DataError, UsageError, option, unreadable
from detect.files import write_bytes
from detect.models.exported.forms import SUFFIXES, Form, form_of

_WEIGHTS = ".bin"
# ModelProto.metadata_props (field 14) with one StringStringEntryProto, 74 bytes: key and value.
_ONNX = (b"\x72\x4a\x0a\x06sha256\x12\x40", b"")
_XML = (b"<!-- sha256 ", b" -->\n")
_ENDS: dict[Form, tuple[bytes, bytes]] = {"onnx": _ONNX, "openvino": _XML}
_ANEW = "Copy it again, or make it anew by detect export."


@dataclass(frozen=True)
class Exported:
    """A network in `form`: the bytes of its file, and of the `weights` beside it where it has them.

    `content` is without what `write` adds at its end.
    """

    form: Form
    content: bytes
    weights: bytes = b""

    @property
    def end(self) -> bytes:
        """The last bytes of the file."""
        before, after = _ENDS[self.form]
        found = hashlib.sha256(self.content)
        found.update(self.weights)
        return before + found.hexdigest().encode() + after


def paths_of(path: Path, form: Form) -> tuple[Path, ...]:
    """Return every file of a network in `form` whose first is `path`."""
    return (path, path.with_suffix(_WEIGHTS)) if form == "openvino" else (path,)


def check_name(path: Path, form: Form) -> None:
    """Raise UsageError unless `path` is called as a file of `form` must be."""
    if path.suffix != (suffix := SUFFIXES[form]):
        raise UsageError(f"{option('out', path)}: expected a name ending in {suffix}.")


def write_exported(path: Path, exported: Exported) -> None:
    """Write `exported` to `path`, its weights first: with the last file it is complete.

    A process killed in between leaves earlier files that do not belong together, which are refused.
    Raises as files.writing.
    """
    if exported.weights:
        write_bytes(path.with_suffix(_WEIGHTS), exported.weights)
    write_bytes(path, exported.content + exported.end)


def read_exported(path: Path) -> Exported:
    """Read what is at `path`; DataError where a file is missing, damaged, or another program's."""
    form = form_of(path)
    if form is None:
        raise DataError(f"{path}: expected {' or '.join(SUFFIXES.values())} at its end. {_ANEW}")
    content = _read(path, "no such model")
    weights = b""
    if form == "openvino":
        weights = _read(path.with_suffix(_WEIGHTS), f"the weights of {path.name} are missing")
    size = sum(map(len, _ENDS[form])) + hashlib.sha256().digest_size * 2
    found = Exported(form, content[:-size], weights)
    if content[-size:] != found.end:
        together = f" and {path.with_suffix(_WEIGHTS).name}" if weights else ""
        raise DataError(
            f"{path}{together}: not as detect export wrote it (SHA-256 differs): damaged, "
            f"changed, or another program's. {_ANEW}"
        )
    return found


def _read(path: Path, missing: str) -> bytes:
    if not path.is_file():
        raise DataError(f"{path}: {missing}. {_ANEW}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
