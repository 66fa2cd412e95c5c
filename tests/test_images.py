"""Reading and shrinking images: every kind of file has a decided behaviour."""

import errno
import io
import math
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from builders import texture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import TiffImagePlugin

from detect.errors import DataError, EnvironmentProblem, disk_failure
from detect.images import EXTENSIONS, MAX_PIXELS, read_image, read_size, shrink

COLOURS = np.array([[[250, 0, 0], [0, 250, 0], [0, 0, 250]]], np.uint8)


def photo(height: int = 40, width: int = 60) -> np.ndarray:
    return texture(np.random.default_rng(0), (height, width))


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims width x height grey pixels and holds none."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    ending = b"\0\0\0\0IEND\xaeB`\x82"
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + body + struct.pack(">I", zlib.crc32(body)) + ending


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives EIO")
def test_a_disk_that_fails_is_no_fault_of_the_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.symlink_to("/proc/self/mem")
    for read in (read_image, read_size):
        with pytest.raises(EnvironmentProblem, match=r"a\.jpg: its disk fails: Input/output error"):
            read(path)


def test_rgb_comes_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(photo()).save(path)
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, photo())
    assert read_size(path) == (40, 60)


@pytest.mark.parametrize("extension", sorted(EXTENSIONS))
def test_content_decides_the_format_and_the_extension_nothing(
    tmp_path: Path, extension: str
) -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(photo()).save(buffer, "PNG")
    path = tmp_path / f"a{extension}"
    path.write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(read_image(path), photo())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
def test_every_usual_format_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.img"
    Pillow.new("RGB", (6, 4), (250, 20, 30)).save(path, kind)
    image = read_image(path)
    assert image.shape == (4, 6, 3)
    assert np.abs(image.astype(int) - [250, 20, 30]).max() <= 6
    assert read_size(path) == (4, 6)


def test_one_pixel(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.new("RGB", (1, 1), (1, 2, 3)).save(path)
    assert read_image(path).tolist() == [[[1, 2, 3]]]
    assert read_size(path) == (1, 1)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_is_repeated_in_three_channels(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(photo()).convert(mode).save(path)
    image = read_image(path)
    np.testing.assert_array_equal(image, np.repeat(image[..., :1], 3, axis=2))
    assert image.shape == (40, 60, 3)


def test_palette(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(COLOURS).quantize(8).save(path)
    assert Pillow.open(path).mode == "P"
    np.testing.assert_array_equal(read_image(path), COLOURS)


def test_sixteen_bit_grey_is_scaled_over_its_whole_range(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    Pillow.fromarray(values).save(path)
    assert read_image(path)[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_beyond_sixteen_bits_are_refused(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "a.tif"
    Pillow.fromarray(np.array([[0, 70000]], dtype)).save(path)
    with pytest.raises(DataError, match=r"a\.tif: .* pixels; expected 8 or 16 bits"):
        read_image(path)


@pytest.mark.parametrize(("alpha", "expected"), [(0, [255] * 3), (255, [250, 0, 0])])
def test_transparency_lies_over_white(tmp_path: Path, alpha: int, expected: list[int]) -> None:
    path = tmp_path / "a.png"
    Pillow.new("RGBA", (2, 2), (250, 0, 0, alpha)).save(path)
    assert read_image(path)[0, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["LA", "P"])
def test_transparency_of_grey_and_palette_lies_over_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    options = {"transparency": 0} if mode == "P" else {}
    Pillow.new("RGBA", (2, 2), (10, 10, 10, 0)).convert(mode).save(path, **options)
    assert read_image(path)[0, 0].tolist() == [255, 255, 255]


def test_cmyk_gives_the_colours_it_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK").save(path, quality=100)
    assert Pillow.open(path).mode == "CMYK"
    assert np.abs(read_image(path).astype(int) - [200, 40, 90]).max() <= 3


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = [Pillow.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]


# What the eight EXIF values say about where the stored first row and column belong (EXIF 2.3,
# 4.6.4 A): written out as array operations that make the picture upright.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("value", UPRIGHT)
@pytest.mark.parametrize("kind", ["png", "webp", "tif"])
def test_exif_rotation_is_applied_to_pixels_and_size(tmp_path: Path, value: int, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    exif = Pillow.Exif()
    exif[0x0112] = value
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
    options = {"lossless": True} if kind == "webp" else {}
    Pillow.fromarray(stored).save(path, exif=exif, **options)
    expected = UPRIGHT[value](stored)
    np.testing.assert_array_equal(read_image(path), expected)
    assert read_size(path) == expected.shape[:2]


def test_a_jpeg_turned_on_its_side_stands_up(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(photo(40, 60)).save(path, exif=exif)
    assert read_image(path).shape == (60, 40, 3)
    assert read_size(path) == (60, 40)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"II*\0\xff\xff\xff\xff", b"no TIFF header"])
def test_broken_exif_of_a_sound_image_is_ignored(tmp_path: Path, exif: bytes) -> None:
    path = tmp_path / "a.webp"
    Pillow.fromarray(photo()).save(path, exif=b"Exif\0\0" + exif)
    assert read_image(path).shape == (40, 60, 3)
    assert read_size(path) == (40, 60)


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "bmp", "webp"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_truncated_file_is_an_error_that_names_it(
    tmp_path: Path, extension: str, kept: float
) -> None:
    path = tmp_path / f"cut.{extension}"
    Pillow.fromarray(photo(120, 160)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(DataError, match=rf"cut\.{extension}: .*(truncated|not an image)") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.touch()
    for read in (read_image, read_size):
        with pytest.raises(DataError, match=r"a\.jpg: an empty file \(0 bytes\)"):
            read(path)


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_image_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jpg: not an image \(expected JPEG, PNG"):
        read_image(path)


def test_damaged_pixels_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(photo()).save(path)
    content = path.read_bytes()
    start = content.index(b"IDAT") + 4
    path.write_bytes(content[:start] + b"\0" * 50 + content[start + 50 :])
    for read in (read_image, read_size):
        with pytest.raises(DataError, match=r"a\.png: the image is damaged or truncated"):
            read(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: no such image file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(DataError, match=r"the image cannot be read: Is a directory"):
        read_size(tmp_path)


@pytest.mark.parametrize("width", [10_000, 30_000])
def test_a_decompression_bomb_is_refused_unread(tmp_path: Path, width: int) -> None:
    """Pillow only warns of the first and raises on the second."""
    path = tmp_path / "a.png"
    path.write_bytes(png_header(width, 10_000))
    for read in (read_image, read_size):
        with pytest.raises(DataError, match=r"a\.png: more than 89 million pixels.*Scale"):
            read(path)


def test_the_largest_size_allowed_is_pillows(tmp_path: Path) -> None:
    assert MAX_PIXELS == Pillow.MAX_IMAGE_PIXELS
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 %d 9000 255\n" % (MAX_PIXELS // 9000))
    assert read_size(path) == (9000, MAX_PIXELS // 9000)


@pytest.mark.parametrize(("extension", "share"), [("webp", 20 / 22), ("jp2", 20 / 26), ("png", 1)])
def test_bytes_count_and_not_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str, share: float
) -> None:
    """Of formats whose readers need more memory, fewer pixels are read."""
    path = tmp_path / f"a.{extension}"
    Pillow.fromarray(photo(100, 100)).save(path)
    pixels = math.ceil(100 * 100 / share)
    monkeypatch.setattr("detect.images.MAX_BYTES", 20 * pixels)
    assert read_image(path).shape == (100, 100, 3)
    monkeypatch.setattr("detect.images.MAX_BYTES", 20 * pixels - 200)
    for read in (read_image, read_size):
        with pytest.raises(DataError, match=rf"a\.{extension}: more than 0 million pixels in "):
            read(path)


def costly(kind: str, path: Path, side: int) -> None:
    """Write an image of `side` px squared of a kind that is converted, turned where it can be."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    picture = Pillow.new("RGB", (side, side), (10, 20, 30))
    if kind == "palette":
        picture.quantize(16).save(path, "PNG", transparency=0, exif=exif)
    elif kind == "16 bits":
        Pillow.fromarray(np.full((side, side), 999, np.uint16)).save(path, "PNG", exif=exif)
    else:
        mode, _, extension = kind.partition(" ")
        picture.convert(mode).save(path, extension, exif=exif)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is for ever")
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("palette", 20),
        ("16 bits", 20),
        ("LA PNG", 20),
        ("RGBA PNG", 20),
        ("RGB JPEG", 20),
        ("CMYK JPEG", 20),
        ("RGBA WEBP", 22),
        ("RGBA JPEG2000", 26),
    ],
)
def test_a_pixel_takes_no_more_bytes_than_is_counted(tmp_path: Path, kind: str, most: int) -> None:
    """In a process that has read nothing else, so that no freed memory is used again."""
    side = 2000
    costly(kind, tmp_path / "image", side)
    lines = (
        "import sys; from pathlib import Path; from detect.images import read_image",
        "from detect.memory import forget_peak, peak_memory; from PIL import Image; Image.init()",
        "forget_peak(); before = peak_memory()",
        "read_image(Path(sys.argv[1])); print(peak_memory() - before)",
    )
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "image")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 3 < int(done.stdout) / side**2 < 1.05 * most


def test_read_size_reads_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.fromarray(photo(120, 160)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    assert read_size(path) == (120, 160)


def test_pillow_turns_tiff_itself() -> None:
    """What `orientation` relies on; if it fails, Pillow changed."""
    assert "exif_transpose" in TiffImagePlugin.TiffImageFile.load_end.__code__.co_names


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))
def test_shrink_keeps_the_longer_side_exact_and_never_enlarges(
    height: int, width: int, longest: int
) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    shrunk, factor = shrink(image, longest)
    assert max(shrunk.shape[:2]) == min(longest, max(height, width))
    assert min(shrunk.shape[:2]) >= 1
    assert factor == min(1.0, longest / max(height, width))
    assert abs(shrunk.shape[0] - max(1, height * factor)) <= 0.5
    assert abs(shrunk.shape[1] - max(1, width * factor)) <= 0.5


def test_shrink_averages_all_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    shrunk, factor = shrink(image, 2)
    means = image.reshape(2, 3, 2, 3, 3).mean(axis=(1, 3))  # of nine pixels, not of four
    assert factor == 1 / 3
    assert np.abs(shrunk - means).max() <= 0.5


def test_a_small_image_comes_back_unchanged() -> None:
    image = photo()
    shrunk, factor = shrink(image, 60)
    assert shrunk is image
    assert factor == 1.0


def test_shrink_refuses_no_pixels() -> None:
    with pytest.raises(ValueError, match="expected at least 1 px, got 0"):
        shrink(photo(), 0)


def test_what_a_disk_said_is_found_behind_other_errors(tmp_path: Path) -> None:
    try:
        try:
            raise OSError(errno.ESTALE, "Stale file handle")
        except OSError as error:
            raise SystemError("returned a result with an exception set") from error
    except SystemError as error:
        found = disk_failure(tmp_path / "a.jp2", error)
    assert str(found).startswith(f"{tmp_path}/a.jp2: its disk fails: Stale file handle.")
    assert disk_failure(tmp_path, ValueError("damaged")) is None
    assert disk_failure(tmp_path, FileNotFoundError(errno.ENOENT, "no such file")) is None
