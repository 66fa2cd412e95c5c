"""The image files: whether they decode, what is unusual, sizes that are not the annotation's."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Transpose

from detect.checks.alike import SIDE, Fingerprint, fingerprint
from detect.checks.boxes import fits
from detect.checks.findings import Finding, Seen
from detect.errors import DataError, DiskFailure, unreadable
from detect.inspection import SIDEWAYS, inspect
from detect.structures import Size

# Extensions of Pillow's formats, as they are named everywhere.
_EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"}, "MPO": {".jpg", ".jpeg", ".mpo"},
    "PNG": {".png"}, "BMP": {".bmp"}, "TIFF": {".tif", ".tiff"}, "WEBP": {".webp"},
    "GIF": {".gif"}, "PPM": {".ppm", ".pgm"}, "JPEG2000": {".jp2"},
}  # fmt: skip
# What the picture is as stored, by what makes it upright.
_TURNS = {
    Transpose.FLIP_LEFT_RIGHT: "mirrored",
    Transpose.FLIP_TOP_BOTTOM: "mirrored top to bottom",
    Transpose.ROTATE_180: "turned by 180°",
    Transpose.ROTATE_270: "turned by 90° to the left",
    Transpose.ROTATE_90: "turned by 90° to the right",
    Transpose.TRANSPOSE: "mirrored and turned",
    Transpose.TRANSVERSE: "mirrored and turned",
}
# Of two scales, width's and height's, that are one: half a pixel of rounding in 50.
_SAME_SCALE = 0.01


@dataclass(frozen=True, eq=False)
class FileFacts:
    """What one decoding of a file told; `problem` (options marked) alone where it failed.

    `size` (H, W) px upright, `stored` before EXIF's turn, `turn` what EXIF asks for; `unusual`
    lists what is converted when it is read; `digest` of all bytes; `print` for `alike`.
    """

    problem: str = ""
    missing: bool = False
    size: Size | None = None
    stored: Size | None = None
    turn: Transpose | None = None
    unusual: tuple[str, ...] = ()
    digest: bytes = b""
    print: Fingerprint | None = None


def look(path: Path) -> FileFacts:
    """Decode `path` once and tell all that the checks need to know."""
    try:
        found = inspect(path, SIDE)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except (DataError, DiskFailure) as error:
        return FileFacts(problem=error.marked, missing=not path.exists())
    except OSError as error:
        return FileFacts(problem=unreadable(path, error).marked)
    unusual = _unusual(path, found.format, found.mode, found.animated, found.transparent)
    return FileFacts(
        size=found.size,
        stored=found.stored,
        turn=found.turn,
        unusual=tuple(unusual),
        digest=digest,
        print=fingerprint(found.grey),
    )


def check_file(seen: Seen, facts: FileFacts) -> Iterator[Finding]:
    """Yield what is wrong or odd about the file of one image."""
    if facts.size is None or facts.stored is None:
        kind = "missing" if facts.missing else "unreadable"
        yield Finding(kind, f"{seen.name}: {facts.problem}", (seen,))
        return
    if facts.unusual:
        yield Finding("encoding", f"{seen.name}: {'; '.join(facts.unusual)}", (seen,))
    stated = seen.sample.size
    if stated is not None and stated != facts.size:
        yield _other_size(seen, stated, facts.size, facts.stored)
    elif facts.turn is not None and len(seen.sample.annotations):
        text = f"{seen.name}: stored {_TURNS[facts.turn]}"
        yield Finding("exif", text, (seen,), oddness=facts.turn not in SIDEWAYS)


def _unusual(path: Path, form: str, mode: str, animated: bool, transparent: bool) -> Iterator[str]:
    if path.suffix.lower() not in _EXTENSIONS.get(form, {path.suffix.lower()}):
        yield f"is {form}, whatever {path.suffix} says"
    if mode == "CMYK":
        yield "CMYK, converted without its colour profile"
    if mode.startswith("I;16"):
        yield "16 bits, scaled to 8"
    if animated:
        yield "several frames, of which the first is read"
    if transparent:
        yield "transparent, laid over white"


def _other_size(seen: Seen, stated: Size, actual: Size, stored: Size) -> Finding:
    """Tell of sizes (H, W) that disagree how, and which is likely wrong, by where the boxes fit."""
    sizes = f"the annotation says {_shown(stated)}, the file has {_shown(actual)}"
    if stated == stored:
        text = f"{sizes} after EXIF's rotation and {_shown(stored)} before"
        return _finding("size-exif", seen, text, "")
    if stated == actual[::-1]:
        return _finding("size-swapped", seen, sizes, _verdict(seen, stated, actual))
    scales = actual[0] / stated[0], actual[1] / stated[1]
    if abs(scales[0] / scales[1] - 1) <= _SAME_SCALE:
        factor = f"{sizes}: {(scales[0] * scales[1]) ** 0.5:.4g} times as large"
        return _finding("size-scaled", seen, factor, _verdict(seen, stated, actual))
    return _finding("size", seen, sizes, _verdict(seen, stated, actual))


def _finding(kind: str, seen: Seen, text: str, verdict: str) -> Finding:
    count = len(seen.sample.annotations)
    return Finding(kind, f"{seen.name}: {text}{verdict}", (seen,), oddness=count)


def _verdict(seen: Seen, stated: Size, actual: Size) -> str:
    """Say which of two sizes the boxes speak for."""
    truth = seen.sample.annotations
    if not len(truth):
        return ""
    as_stated, as_is = fits(truth, stated), fits(truth, actual)
    if as_is and not as_stated:
        return ". The boxes fit the file alone: the stated size is wrong"
    if as_stated and not as_is:
        return ". The boxes fit the stated size alone: this is not the file that was labelled"
    if as_is:
        return ". The boxes fit both: look at the picture"
    return ". The boxes fit neither"


def _shown(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
