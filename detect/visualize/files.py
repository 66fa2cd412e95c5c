"""Drawn pictures on disk, and in a notebook."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PILImage

from detect.files import digest, write_bytes
from detect.images import shrink
from detect.structures import Image

# Bytes in UTF-8: file systems allow 255, a suffix and a temporary name need some.
_LONGEST_NAME = 180
_NOTEBOOK_QUALITY = 75
_LONGEST_JPEG = 65_500  # px a side (libjpeg, JPEG_MAX_DIMENSION)


def write_picture(path: Path, picture: Image, *, lasting: bool = True) -> None:
    """Write `picture` (H, W, 3) atomically, as JPEG or PNG by the suffix of `path`.

    One that is too large for JPEG is reduced. It is encoded in memory: Pillow does not notice a
    file that is cut. Raises errors of files.writing, whose `lasting` it takes.
    """
    kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    # Full colour resolution: with the usual halved one, thin coloured lines smear.
    options = {"quality": 92, "subsampling": 0} if kind == "JPEG" else {}
    if kind == "JPEG":
        picture, _ = shrink(picture, _LONGEST_JPEG)
    encoded = io.BytesIO()
    PILImage.fromarray(picture).save(encoded, format=kind, **options)
    write_bytes(path, encoded.getvalue(), lasting=lasting)


def jpeg(picture: Image, quality: int) -> bytes:
    """Return `picture` (H, W, 3) as a JPEG in full colour resolution."""
    stream = io.BytesIO()
    PILImage.fromarray(picture).save(stream, format="JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture (H, W, 3) that a notebook shows when it is the last line of a cell.

    As a JPEG: a notebook keeps what it shows, and a photograph as PNG takes ten times as much.
    """

    picture: Image

    def __repr__(self) -> str:
        return "<picture of {1} x {0} px>".format(*self.picture.shape)

    def _repr_jpeg_(self) -> bytes:
        return jpeg(self.picture, _NOTEBOOK_QUALITY)


def file_name(image_id: str) -> str:
    """Return a file name without suffix for `image_id`; two ids never share one.

    An id that is no safe name (slashes, leading dots, too long) is made one and gets six digits
    of its hash.
    """
    safe = re.sub(r"[^\w.-]+", "_", image_id).lstrip(".")
    safe = safe.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return safe if safe == image_id else f"{safe}-{digest(image_id)[:6]}"
