"""One file twice, the same bytes, nearly the same picture, within splits and across."""

from pathlib import Path

import numpy as np
from builders import scene
from checking import said, seen

from detect.checks.alike import fingerprint
from detect.checks.duplicates import check_duplicates, check_overlaps
from detect.checks.files import FileFacts

RNG = np.random.default_rng(0)
PRINTS = [fingerprint(scene(RNG, (120, 160), objects=4)[0][..., 1].copy()) for _ in range(4)]


def fact(number, digest):
    return FileFacts(size=(1, 1), stored=(1, 1), digest=digest, print=PRINTS[number])


def of(*images, facts):
    return said(check_duplicates(images, {Path(name): one for name, one in facts.items()}))


def test_different_images_give_nothing():
    facts = {f"{n}.jpg": fact(n, bytes([n])) for n in range(4)}
    assert of(*(seen(name=str(n)) for n in range(4)), facts=facts) == []


def test_one_file_under_two_ids():
    images = [seen(name=name, path=Path("a.jpg")) for name in ("a", "b")]
    assert of(*images, facts={"a.jpg": fact(0, b"0")}) == [
        ("same-file", "a (train), b (train): one file")
    ]


def test_the_same_bytes_and_whether_the_labels_are_the_same_too():
    facts = {"a.jpg": fact(0, b"0"), "b.jpg": fact(0, b"0")}
    boxes = [(0, 0, 9, 9)]
    assert of(seen(boxes), seen(boxes, name="b"), facts=facts) == [
        ("identical", "a (train), b (train): the same bytes")
    ]
    assert of(seen(boxes), seen(boxes, [1], name="b"), facts=facts) == [
        ("identical", "a (train), b (train): the same bytes, labelled differently")
    ]


def test_nearly_the_same_picture_with_the_copies_of_each_told_once():
    facts = {"a.jpg": fact(0, b"0"), "b.jpg": fact(0, b"1"), "c.jpg": fact(0, b"1")}
    assert of(*(seen(name=name) for name in "abc"), facts=facts) == [
        ("identical", "b (train), c (train): the same bytes"),
        ("alike", "a (train), b (train): nearly the same picture"),
    ]


def test_across_splits_it_is_a_leak():
    facts = {"a.jpg": fact(0, b"0"), "b.jpg": fact(0, b"1")}
    both = ("train", "trainval"), ("val", "trainval")
    images = [seen(name=name, splits=splits) for name, splits in zip("ab", both, strict=True)]
    assert of(*images, facts=facts) == [
        ("leak", "a (train, trainval), b (val, trainval): nearly the same picture")
    ]
    inner = [seen(name="a", splits=both[0]), seen(name="b", splits=("trainval",))]
    assert [kind for kind, _ in of(*inner, facts=facts)] == ["alike"]


def test_images_that_cannot_be_read_are_compared_with_none():
    facts = {"a.jpg": FileFacts(problem="broken"), "b.jpg": FileFacts(problem="broken")}
    assert of(seen(), seen(name="b"), facts=facts) == []


def test_large_groups_are_counted():
    images = [seen(name=str(n), path=Path("a.jpg")) for n in range(9)]
    ((_, text),) = of(*images, facts={"a.jpg": fact(0, b"0")})
    assert text == "0 (train), 1 (train), 2 (train), 3 (train) and 5 more: one file"


def test_splits_that_share_images():
    assert said(check_overlaps({"train": ["x/a.jpg", "x/b.jpg"], "val": ["x/b.jpg"]})) == [
        ("leak", "train and val share 1 image: b.jpg")
    ]


def test_a_split_within_one_of_a_longer_name_is_meant():
    lists = {"train": "ab", "val": "c", "trainval": "abc", "train_small": "a"}
    assert said(check_overlaps(lists)) == []
    assert [kind for kind, _ in said(check_overlaps({"train": "ab", "trainval": "ac"}))] == ["leak"]
