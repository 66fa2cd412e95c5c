"""What `import` and `export` are given: told by its content, and by its name where that is not."""

import re
from pathlib import Path
from typing import Literal

from detect.data import LAYOUTS, labelme
from detect.data.listing import files_in
from detect.errors import DataError
from detect.foreign import both_ends

Kind = Literal[
    "proposals", "results", "npz", "submission", "data set", "LabelMe", "Label Studio", "CVAT"
]
LABELS: tuple[Kind, ...] = ("LabelMe", "Label Studio", "CVAT")
_NUMBERS = re.compile(rb"\s*[-+\d.eE]+([ \t]+[-+\d.eE]+){6}\s*?(\n|\r|$)")
_BLANK = b"\xef\xbb\xbf \t\r\n"
# Where the content does not tell: an empty list of results, a damaged file.
_SUFFIXES: dict[str, Kind] = {".json": "results", ".npz": "npz", ".txt": "submission"}
_SUFFIXES |= {".parquet": "proposals", ".xml": "CVAT"}


def kind_of(path: Path, expected: str) -> Kind:
    """Return what is at `path`; DataError, saying what was `expected`, for nothing known."""
    if path.is_dir():
        if labelme.matches(path):
            return "LabelMe"
        visible = files_in(path, "*")
        stored = bool(visible) and all(one.suffix == ".parquet" for one in visible)
        if stored:
            return "proposals"
        # A data set may keep the files that it was made of.
        known = any(layout[0](path) for layout in LAYOUTS.values())
        return "LabelMe" if not known and labelme.are_below(path) else "data set"
    if not path.is_file():
        raise DataError(f"{path}: no such file. {expected}")
    found = _by_content(path, both_ends(path)) or _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise DataError(f"{path}: unknown format. {expected}")
    return found


def _by_content(path: Path, ends: bytes) -> Kind | None:
    text = ends.lstrip(_BLANK)
    if ends[:4] == b"PAR1":
        return "proposals"
    if ends[:2] == b"PK":
        return "npz"
    if text[:1] == b"<":
        return "CVAT"
    if text[:1] == b"{":
        return "LabelMe" if labelme.is_file(path) else None
    if text[:1] == b"[":
        studio = b'"original_width"' in text or b'"annotations"' in text or b'labels"' in text
        return "Label Studio" if studio and b'"image_id"' not in text else "results"
    return "submission" if _NUMBERS.match(text) else None
