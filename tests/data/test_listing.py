"""Files below a folder: links to folders are followed, each real folder once."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture, voc_object, voc_xml

from detect.data import open_dataset
from detect.data.listing import files_in
from detect.storage.manifest import read_manifest

IMAGE = texture(np.random.default_rng(0), (48, 64))


def names(folder: Path, pattern: str = "**/*.txt") -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_in(folder, pattern)]


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def link(path: Path, to: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)


def test_what_links_lead_to_is_there_in_the_order_of_names(tmp_path):
    put(tmp_path / "else/deep/b.txt")
    put(tmp_path / "set/c/c.txt")
    put(tmp_path / "set/a.txt")
    link(tmp_path / "set/b", tmp_path / "else")
    assert names(tmp_path / "set") == ["a.txt", "b/deep/b.txt", "c/c.txt"]
    assert names(tmp_path / "set", "*.txt") == ["a.txt"]
    link(tmp_path / "all", tmp_path / "set")
    assert names(tmp_path / "all") == ["a.txt", "b/deep/b.txt", "c/c.txt"]


def test_a_real_folder_is_there_once_and_loops_end(tmp_path):
    put(tmp_path / "set/part/a.txt")
    put(tmp_path / "else/b.txt")
    link(tmp_path / "set/again", tmp_path / "set/part")
    link(tmp_path / "set/part/loop", tmp_path / "set")
    link(tmp_path / "set/up", tmp_path)
    link(tmp_path / "else/back", tmp_path / "else")
    link(tmp_path / "set/x", tmp_path / "else")
    link(tmp_path / "set/y", tmp_path / "else")
    link(tmp_path / "set/itself", tmp_path / "set/itself")
    assert names(tmp_path / "set") == ["part/a.txt", "x/b.txt"]


def test_hidden_places_are_left_out_whatever_they_are(tmp_path):
    put(tmp_path / "set/.cache/a.txt")
    put(tmp_path / "set/.b.txt")
    link(tmp_path / "set/.link", put(tmp_path / "else/c.txt").parent)
    assert names(tmp_path / "set") == []
    assert names(tmp_path / "gone") == []
    link(tmp_path / "set/shown", tmp_path / "set/.cache")
    assert names(tmp_path / "set") == ["shown/a.txt"]


@pytest.fixture
def elsewhere(tmp_path):
    """Two images, in a folder of the set and in one that the set has a link to."""
    save_image(tmp_path / "set/images/part1/a.jpg", IMAGE)
    save_image(tmp_path / "else/images/b.jpg", IMAGE)
    link(tmp_path / "set/images/part2", tmp_path / "else/images")
    return tmp_path / "else", tmp_path / "set"


def test_yolo_s_linked_folders_are_read(elsewhere):
    other, root = elsewhere
    put(root / "labels/part1/a.txt", "0 0.5 0.5 0.5 0.5\n")
    put(other / "labels/b.txt", "1 0.5 0.5 0.5 0.5\n")
    link(root / "labels/part2", other / "labels")
    put(root / "data.yaml", "train: images\nnames: [cat, dog]\n")
    found = open_dataset(root, "train").samples
    assert [one.image_id for one in found] == ["part1/a", "part2/b"]
    assert [one.annotations.labels.tolist() for one in found] == [[0], [1]]


def test_voc_s_linked_folders_are_read(elsewhere):
    other, root = elsewhere
    for path, name in ((root / "annotations/part1/a.xml", "cat"), (other / "xml/b.xml", "dog")):
        put(path, voc_xml("x.jpg", (48, 64), [voc_object(name, (1, 1, 20, 20))]))
    link(root / "annotations/part2", other / "xml")
    found = open_dataset(root, "all")
    assert found.classes == ("cat", "dog")
    assert [one.image_id for one in found.samples] == ["part1/a", "part2/b"]
    assert read_manifest(root / "images").table.column("image_id").to_pylist() == [
        "part1/a",
        "part2/b",
    ]


def test_coco_s_linked_folders_are_read(elsewhere):
    _, root = elsewhere
    images = [{"id": n, "file_name": f"part{n}/{'ab'[n - 1]}.jpg"} for n in (1, 2)]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    put(root / "annotations/instances_train.json", json.dumps(content))
    assert [one.size for one in open_dataset(root, "train").samples] == [(48, 64), (48, 64)]
