"""What an image file is, told by one decoding that need not give all its pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from detect.images import opened, orientation, to_rgb
from detect.structures import Image, Size

# Width and height change places.
SIDEWAYS = (
    Pillow.Transpose.ROTATE_90,
    Pillow.Transpose.ROTATE_270,
    Pillow.Transpose.TRANSPOSE,
    Pillow.Transpose.TRANSVERSE,
)


@dataclass(frozen=True, eq=False)
class Inspected:
    """What one decoding tells of a file: `size` (H, W) px upright, `stored` before EXIF's turn.

    `turn` makes it upright as its EXIF says; `format` and `mode` as Pillow names them; `animated`
    of several frames; `transparent`; `grey` (h, w) the upright image, reduced.
    """

    size: Size
    stored: Size
    turn: Pillow.Transpose | None
    format: str
    mode: str
    animated: bool
    transparent: bool
    grey: Image


def inspect(path: Path, longest: int) -> Inspected:
    """Read `path` and tell what it is, with `grey` at least `longest` px wide where it was.

    A JPEG is decoded at an eighth of its size at most, which reads it to its end all the same
    (libjpeg's scaled inverse DCT). DataError as `read_image`.
    """
    with opened(path) as picture:
        stored, mode = (picture.height, picture.width), picture.mode
        picture.draft("RGB", (longest, longest))
        picture.load()
        turn = orientation(picture)
        upright = picture if turn is None else picture.transpose(turn)
        grey = np.asarray(to_rgb(upright, path).convert("L"))
        form, transparent = picture.format or "", bool(picture.has_transparency_data)
        animated = _is_animated(picture)  # Last: it may look for a frame that is broken.
    size = (stored[1], stored[0]) if turn in SIDEWAYS else stored
    return Inspected(size, stored, turn, form, mode, animated, transparent, grey)


def _is_animated(picture: Pillow.Image) -> bool:
    """Tell whether `picture` has several frames, but for the two sizes in photographs of phones."""
    try:
        return picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
    except Exception:  # of a frame that nobody reads
        return True
