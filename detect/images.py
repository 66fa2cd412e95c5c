"""Reading and shrinking images: RGB uint8 (H, W, 3) after EXIF rotation, whatever the file holds.

Decided here, once (the content decides the format, the extension nothing):

- grey, palette, CMYK, YCbCr: converted to RGB (Pillow); the first frame of an animation;
- transparency: laid over white, as viewers show it (the colours below it are arbitrary); a fourth
  band of a TIFF that is not said to be transparency (near infrared, say) is left out;
- 16 bits a channel: the whole range scaled to 8 bits; floats and 32 bits: DataError;
- truncated, empty, not an image, more than `MAX_PIXELS` pixels, or more than `MAX_BYTES` of memory
  to decode: DataError naming the file;
- a disk or a network that fails while it is read: DiskFailure, for no fault of the image.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from detect.errors import DataError, UsageError, disk_failure, option
from detect.foreign import beginning
from detect.structures import Image, Size

# Which files of a folder count as images; their content decides how they are read.
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"}
    | {".ppm", ".pgm"}
)

# Images that are not read, by their names and by what they begin with: (place, bytes).
FOREIGN = frozenset(
    {".heic", ".heif", ".hif", ".avif", ".jxl", ".svg", ".psd", ".tga", ".exr", ".hdr", ".dng"}
    | {".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}
)
_BEGINNINGS = (
    (0, b"\xff\xd8\xff"), (0, b"\x89PNG\r\n\x1a\n"), (0, b"GIF8"), (8, b"WEBP"), (0, b"II*\0"),
    (0, b"MM\0*"), (0, b"8BPS"), (0, b"\0\0\0\x0cJXL "), (0, b"\0\0\0\x0cjP  "), (4, b"ftyphei"),
    (4, b"ftypmif1"), (4, b"ftypavif"), (4, b"ftyphev"), (4, b"ftypcrx"),
)  # fmt: skip

# Pillow's own guard against decompression bombs: 2^30 bytes / 4 / 3, about 9459 x 9459.
# It warns above and raises above twice that; here the warning is an error too, in every thread.
MAX_PIXELS = 1024 * 1024 * 1024 // 4 // 3
warnings.filterwarnings("error", category=Pillow.DecompressionBombWarning)
# Of a sound image whose EXIF is broken: nothing to do about it, and it names no file.
warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)
_BOMBS = (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning)

# Of memory while an image is read. What a pixel takes at most, transparency and a turn by EXIF
# included, was measured with Pillow 13 (docs/reliability.md, "Bounds").
_USUAL_BYTES = 20
MAX_BYTES = _USUAL_BYTES * MAX_PIXELS
_BYTES_A_PIXEL = {"WEBP": 22, "JPEG2000": 26}

# Readers written in C or plain Python only; not EPS, which would start Ghostscript.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000")

# EXIF 2.3, tag 0x0112 (Orientation): what undoes each value.
_ORIENTATION_TAG = 0x0112
_EXTRA_SAMPLES_TAG = 338
_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}


def read_image(path: Path) -> Image:
    """Read `path` -> RGB uint8 (H, W, 3), EXIF rotation applied; DataError (module docstring)."""
    with opened(path) as picture:
        picture.load()
        turn = orientation(picture)
        upright = picture if turn is None else picture.transpose(turn)
        return np.array(to_rgb(upright, path))


def is_unread_image(path: Path) -> bool:
    """Tell whether the file `path` is an image that a folder's readers would leave out.

    By its name (HEIC, raw files of cameras), or by its first bytes, whatever it is called.
    """
    suffix = path.suffix.lower()
    if suffix in EXTENSIONS or not path.is_file():
        return False
    if suffix in FOREIGN:
        return True
    first = beginning(path, 16)
    return any(first[at : at + len(sign)] == sign for at, sign in _BEGINNINGS)


def as_image(source: Any, argument: str) -> Image:
    """Return the RGB uint8 (H, W, 3) that `source` is, or read it where it is a path.

    UsageError, naming the `argument`, for anything else; DataError as `read_image`.
    """
    if isinstance(source, str | Path):
        return read_image(Path(source))
    is_pixels = isinstance(source, np.ndarray) and source.dtype == np.uint8 and source.ndim == 3
    if is_pixels and source.shape[2] == 3 and source.size:
        return cast(Image, source)
    raise UsageError(
        f"{option(argument)}: expected a path, or pixels as an RGB array (height, width, 3) of "
        f"uint8, got {_described(source)}."
    )


def _described(value: Any) -> str:
    kind = type(value).__name__
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return kind if shape is None else f"{kind} {tuple(shape)} of {dtype}"


def read_size(path: Path) -> Size:
    """Read the header of `path` -> (H, W) px after EXIF rotation; DataError as `read_image`.

    A PNG is read whole: its EXIF may stand behind its pixels.
    """
    with opened(path) as picture:
        if picture.format == "PNG":
            picture.load()
        turned = orientation(picture) in [_UPRIGHT[value] for value in (5, 6, 7, 8)]
        return picture.size if turned else picture.size[::-1]


def shrink(image: Image, longest: int) -> tuple[Image, float]:
    """`image` (H, W, 3) -> image whose longer side is at most `longest` px, and the factor.

    The factor is shrunk / original, so that boxes go back by dividing: original = shrunk /
    factor. Area interpolation, which averages all pixels (no aliasing). Never enlarges: a small
    image comes back as it is, with 1.0. No side gets below 1 px.
    """
    if longest < 1:
        raise ValueError(f"longest: expected at least 1 px, got {longest}")
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1.0:
        return image, 1.0
    sides = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, sides, interpolation=cv2.INTER_AREA), np.uint8), factor


@contextmanager
def opened(path: Path) -> Iterator[Pillow.Image]:
    """Open `path` with Pillow; anything its readers raise until the end becomes a DataError.

    But what a disk raises, which is no fault of the image: DiskFailure.
    """
    try:
        with Pillow.open(path, formats=_FORMATS) as picture:
            _check_bytes(picture, path)
            yield picture
    except (DataError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such image file.") from error
    except _BOMBS as error:
        raise DataError(
            f"{path}: more than {MAX_PIXELS // 10**6} million pixels, which could be a "
            "decompression bomb. Scale the image down."
        ) from error
    except Exception as error:  # Pillow's plugins raise nearly every kind on broken files
        wrong = disk_failure(path, error) or DataError(_what_is_wrong(path, error))
        raise wrong from error


def _check_bytes(picture: Pillow.Image, path: Path) -> None:
    """Raise DataError for an image that takes more than MAX_BYTES to decode."""
    most = MAX_BYTES // _BYTES_A_PIXEL.get(picture.format or "", _USUAL_BYTES)
    if picture.width * picture.height > most:
        raise DataError(
            f"{path}: more than {most // 10**6} million pixels in {picture.format}, which takes "
            f"over {MAX_BYTES / 2**30:.2g} GiB to decode. Scale the image down, or save it as JPEG."
        )


def _what_is_wrong(path: Path, error: Exception) -> str:
    """Return the text for a file that Pillow does not read."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{path}: the image cannot be read: {error.strerror}."
    if path.stat().st_size == 0:
        return f"{path}: an empty file (0 bytes), not an image. Get the file again."
    if isinstance(error, UnidentifiedImageError):
        return f"{path}: not an image (expected JPEG, PNG, BMP, TIFF, WebP, GIF, PPM or JPEG 2000)."
    return f"{path}: the image is damaged or truncated ({error}). Get the file again."


def orientation(picture: Pillow.Image) -> Pillow.Transpose | None:
    """Return what turns `picture` upright; None if it is, or if its EXIF cannot be read.

    Pillow's TIFF reader turns its images itself, header size included. A PNG must be loaded
    before: asking for its EXIF loads it, and an error of that would be taken for broken EXIF.
    """
    if picture.format == "TIFF":
        return None
    try:
        return _UPRIGHT.get(picture.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # broken EXIF of a sound image: viewers ignore it as well
        return None


def to_rgb(picture: Pillow.Image, path: Path) -> Pillow.Image:
    """Convert any mode to RGB as the module docstring says; RGB itself is not copied."""
    if picture.mode == "F":
        raise DataError(f"{path}: floating-point pixels; expected 8 or 16 bits. Convert the file.")
    if picture.mode.startswith("I"):
        return _from_16_bits(np.asarray(picture), path).convert("RGB")
    if picture.format == "TIFF" and _has_bands_without_meaning(picture):
        return Pillow.merge("RGB", picture.split()[:3])
    if picture.has_transparency_data:
        layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _has_bands_without_meaning(picture: Pillow.Image) -> bool:
    """Tell whether Pillow takes a band of a TIFF for alpha that the file does not call so.

    Alpha is a band of ExtraSamples 1 or 2 (TIFF 6.0, page 31); any other may be near infrared.
    """
    tags: Any = picture.tag_v2  # type: ignore[attr-defined]
    said = tags.get(_EXTRA_SAMPLES_TAG, ())
    said = said if isinstance(said, tuple) else (said,)
    return picture.mode == "RGBA" and not {1, 2} & set(said[:1])


def _from_16_bits(grey: np.ndarray, path: Path) -> Pillow.Image:
    """Scale `grey` (H, W), 0..65535, to 8 bits: 65535 / 257 = 255."""
    if grey.min() < 0 or grey.max() > 65535:
        raise DataError(f"{path}: 32-bit pixels; expected 8 or 16 bits. Convert the file.")
    # By a table: in floating point the image would take eight times its bytes.
    levels = np.round(np.arange(2**16) / 257.0).astype(np.uint8)
    return Pillow.fromarray(levels[grey])
