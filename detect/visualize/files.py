"""Drawn pictures on disk."""

import io
import re
from pathlib import Path

from PIL import Image as PILImage

from detect.files import digest, write_bytes
from detect.structures import Image

# Bytes in UTF-8: file systems allow 255, a suffix and a temporary name need some.
_LONGEST_NAME = 180


def write_picture(path: Path, picture: Image, *, lasting: bool = True) -> None:
    """Write `picture` (H, W, 3) atomically, as JPEG or PNG by the suffix of `path`.

    It is encoded in memory: Pillow does not notice a file that is cut. Raises errors of
    files.writing, whose `lasting` it takes.
    """
    kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    # Full colour resolution: with the usual halved one, thin coloured lines smear.
    options = {"quality": 92, "subsampling": 0} if kind == "JPEG" else {}
    encoded = io.BytesIO()
    PILImage.fromarray(picture).save(encoded, format=kind, **options)
    write_bytes(path, encoded.getvalue(), lasting=lasting)


def file_name(image_id: str) -> str:
    """Return a file name without suffix for `image_id`; two ids never share one.

    An id that is no safe name (slashes, leading dots, too long) is made one and gets six digits
    of its hash.
    """
    safe = re.sub(r"[^\w.-]+", "_", image_id).lstrip(".")
    safe = safe.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return safe if safe == image_id else f"{safe}-{digest(image_id)[:6]}"
