"""The formats of a data set: annotations as XML, images."""

import re
from pathlib import Path

from builders import write_imagenet_det, write_voc
from faults.damages import one_of
from faults.fuzzing import Format, Random

from detect.data import open_dataset
from detect.images import read_image, read_size

_ODD_TEXT = (
    "", "nan", "inf", "-1", "0", "0.5", "1e999", "9" * 4301, "n" * 300, "猫", "&a;", "&#0;",
    "<a>" * 3000, "<a/>", "<![CDATA[x]]>", "x\ny",
)  # fmt: skip
_LAUGHS = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "%s">%s]><annotation>&z;</annotation>'


def odd_xml(content: bytes, random: Random) -> bytes:
    """Put an odd text in the place of any in an XML, double an element, or leave it out."""
    text = content.decode()
    places = list(re.finditer(r"<(\w+)>([^<]*)</\1>", text))
    place = places[int(random.integers(len(places)))]
    tag, was = place[1], place[0]
    new = one_of((*(f"<{tag}>{odd}</{tag}>" for odd in _ODD_TEXT), was * 2, "", was * 300), random)
    return (text[: place.start()] + new + text[place.end() :]).encode()


def entities(content: bytes, random: Random) -> bytes:
    """Return an XML that grows without end when it is read."""
    more = b"".join(
        b'<!ENTITY %c "%s">' % (name, b"&%c;" % (name - 1) * 20) for name in range(99, 123)
    )
    return _LAUGHS % (b"x" * int(random.integers(1, 1000)), more)


def _make_image(folder: Path, suffix: str) -> Path:
    from builders import save_image, texture
    from numpy.random import default_rng

    save_image(folder / f"i{suffix}", texture(default_rng(0), (48, 64)))
    return folder / f"i{suffix}"


def _read_image(path: Path) -> None:
    read_size(path)
    read_image(path)


SETS = {
    "VOC's XML": Format(
        lambda folder: write_voc(folder, {"test": 1}, objects=2) / "Annotations/test_000.xml",
        lambda path: open_dataset(path.parents[1], "test"),
        (odd_xml, odd_xml, entities),
    ),
    "ILSVRC's XML": Format(
        lambda folder: next(write_imagenet_det(folder, {"val": 1}, objects=2).rglob("*.xml")),
        lambda path: open_dataset(_root(path), "val"),
        (odd_xml, odd_xml, entities),
    ),
    **{
        f"image ({suffix})": Format(lambda folder, s=suffix: _make_image(folder, s), _read_image)
        for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif")
    },
}


def _root(path: Path) -> Path:
    return next(folder for folder in path.parents if (folder / "ImageSets").is_dir())
