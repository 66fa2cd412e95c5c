"""What is said of image files: each kind by the smallest file that has it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import save_image, texture
from checking import said, seen
from PIL import Image

from detect.checks.alike import groups_alike
from detect.checks.files import check_file, look
from detect.errors import DataError
from detect.images import read_image
from detect.inspection import inspect

SIZE = (60, 90)
ROTATION = 0x0112


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "a.jpg"
    save_image(path, texture(np.random.default_rng(1), SIZE))
    return path


def of(path, boxes=((0, 0, 40, 40),), size=SIZE):
    return said(check_file(seen(boxes, size=size, path=path), look(path)))


def turned(path, value):
    with Image.open(path) as picture:
        exif = picture.getexif()
        exif[ROTATION] = value
        picture.save(path, exif=exif)
    return path


def test_a_sound_file_gives_nothing(photo):
    assert of(photo) == of(photo, size=None) == []


def test_what_cannot_be_read_is_told_with_its_reason(photo):
    missing, empty = photo.with_name("b.jpg"), photo.with_name("c.jpg")
    empty.write_bytes(b"")
    assert of(missing) == [("missing", f"a (train): {missing}: no such image file.")]
    assert of(empty) == [
        (
            "unreadable",
            f"a (train): {empty}: an empty file (0 bytes), not an image. Get the file again.",
        )
    ]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_file_is_unreadable_though_its_beginning_decodes(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    save_image(path, texture(np.random.default_rng(1), (480, 640)))
    path.write_bytes(path.read_bytes()[:-400])
    ((kind, text),) = of(path, size=(480, 640))
    assert kind == "unreadable"
    assert "is damaged or truncated" in text


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".gif"])
def test_what_a_look_lets_pass_can_be_read_and_nothing_else(tmp_path, suffix):
    rng = np.random.default_rng(4)
    path = tmp_path / f"a{suffix}"
    frames = [Image.fromarray(texture(rng, (80, 120))) for _ in range(2)]
    several = {"save_all": True, "append_images": frames[1:]} if suffix == ".gif" else {}
    frames[0].save(path, **several)
    sound = path.read_bytes()
    broken = 0
    for _ in range(150):
        damaged = bytearray(sound)
        start = int(rng.integers(len(sound)))
        damaged[start : start + int(rng.integers(1, 60))] = rng.bytes(int(rng.integers(0, 60)))
        path.write_bytes(damaged)
        try:
            read_image(path)
        except DataError:
            broken += 1
            assert look(path).problem
        else:
            assert not look(path).problem
    assert 10 < broken < 150


def test_sizes_swapped_and_which_is_wrong_by_the_boxes(photo):
    says = "a (train): the annotation says 60x90, the file has 90x60"
    swapped = SIZE[::-1]
    assert of(photo, [(0, 0, 85, 50)], swapped) == [
        ("size-swapped", f"{says}. The boxes fit the file alone: the stated size is wrong")
    ]
    assert of(photo, [(0, 0, 50, 85)], swapped) == [
        (
            "size-swapped",
            f"{says}. The boxes fit the stated size alone: this is not the file that was labelled",
        )
    ]
    assert of(photo, [(0, 0, 50, 50)], swapped) == [
        ("size-swapped", f"{says}. The boxes fit both: look at the picture")
    ]
    assert of(photo, [(0, 0, 85, 85)], swapped) == [
        ("size-swapped", f"{says}. The boxes fit neither")
    ]
    assert of(photo, [], swapped) == [("size-swapped", says)]


def test_a_resized_image_is_told_with_its_factor(photo):
    assert of(photo, [(0, 0, 170, 110)], (120, 180)) == [
        (
            "size-scaled",
            "a (train): the annotation says 180x120, the file has 90x60: 0.5 times as large. "
            "The boxes fit the stated size alone: this is not the file that was labelled",
        )
    ]


def test_any_other_size(photo):
    ((kind, text),) = of(photo, size=(60, 80))
    assert kind == "size"
    assert text.startswith("a (train): the annotation says 80x60, the file has 90x60. The boxes")


def test_annotations_of_the_picture_before_its_exif_rotation(photo):
    turned(photo, 6)
    assert of(photo) == [
        (
            "size-exif",
            "a (train): the annotation says 90x60, the file has 60x90 after EXIF's rotation and "
            "90x60 before",
        )
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(3, "turned by 180°"), (6, "turned by 90° to the left"), (2, "mirrored")]
)
def test_exif_rotations_with_the_right_size_are_to_be_looked_at(photo, value, text):
    size = SIZE[::-1] if value == 6 else SIZE
    assert of(turned(photo, value), size=size) == [("exif", f"a (train): stored {text}")]
    assert of(photo, [], size=size) == []


def test_sizes_are_those_that_reading_gives(photo):
    for value in range(1, 9):
        facts = look(turned(photo, value))
        assert facts.size == read_image(photo).shape[:2]
        assert (facts.turn is None) == (value == 1)


def test_copies_turned_by_exif_are_alike_upright(photo, tmp_path):
    upright = tmp_path / "b.png"
    save_image(upright, read_image(turned(photo, 6)))
    prints = [look(path).print for path in (photo, upright)]
    assert groups_alike(prints) == [[0, 1]]


@pytest.mark.parametrize(
    ("name", "mode", "text"),
    [
        ("a.png", "I;16", "16 bits, scaled to 8"),
        ("a.png", "RGBA", "transparent, laid over white"),
        ("a.jpg", "CMYK", "CMYK, converted without its colour profile"),
    ],
)
def test_unusual_encodings(tmp_path, name, mode, text):
    pixels = texture(np.random.default_rng(1), SIZE)
    picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    if mode != "I;16":
        picture = Image.fromarray(pixels).convert(mode)
    if mode == "RGBA":
        picture.putalpha(100)
    picture.save(tmp_path / name)
    assert of(tmp_path / name) == [("encoding", f"a (train): {text}")]


def test_an_animation_and_an_extension_that_is_not_the_content(tmp_path):
    frames = [Image.fromarray(texture(np.random.default_rng(seed), SIZE)) for seed in (1, 2)]
    path = tmp_path / "a.jpg"
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])
    assert of(path) == [
        (
            "encoding",
            "a (train): is GIF, whatever .jpg says; several frames, of which the first is read",
        )
    ]


def test_a_jpeg_is_decoded_reduced(tmp_path):
    path = tmp_path / "a.jpg"
    save_image(path, texture(np.random.default_rng(1), (480, 640)))
    found = inspect(path, 32)
    assert (found.size, found.grey.shape) == ((480, 640), (60, 80))
    whole = cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(whole, (80, 60), interpolation=cv2.INTER_AREA)
    assert np.abs(found.grey.astype(int) - small).mean() < 3


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives EIO")
def test_a_file_whose_disk_fails_is_a_finding_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("/proc/self/mem")
    assert "a.jpg: its disk fails: Input/output error" in look(tmp_path / "a.jpg").problem
