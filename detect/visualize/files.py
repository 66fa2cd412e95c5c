"""Drawn pictures on disk."""

import re
from pathlib import Path

from PIL import Image as PILImage

from detect.files import digest, replacing
from detect.images import shrink
from detect.structures import Image

# Bytes in UTF-8: file systems allow 255, a suffix and a temporary name need some.
_LONGEST_NAME = 180
_LONGEST_JPEG = 65_500  # px a side (libjpeg, JPEG_MAX_DIMENSION)


def write_picture(path: Path, picture: Image) -> None:
    """Write `picture` (H, W, 3) atomically, as JPEG or PNG by the suffix of `path`.

    One that is too large for JPEG is reduced.
    """
    kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    # Full colour resolution: with the usual halved one, thin coloured lines smear.
    options = {"quality": 92, "subsampling": 0} if kind == "JPEG" else {}
    if kind == "JPEG":
        picture, _ = shrink(picture, _LONGEST_JPEG)
    with replacing(path) as temporary:
        PILImage.fromarray(picture).save(temporary, format=kind, **options)


def file_name(image_id: str) -> str:
    """Return a file name without suffix for `image_id`; two ids never share one.

    An id that is no safe name (slashes, leading dots, too long) is made one and gets six digits
    of its hash.
    """
    safe = re.sub(r"[^\w.-]+", "_", image_id).lstrip(".")
    safe = safe.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return safe if safe == image_id else f"{safe}-{digest(image_id)[:6]}"
