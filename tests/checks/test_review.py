"""Labels in doubt as COCO JSON: what detect reads there again; the data stay as they are."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import write_coco, write_voc

from detect.checks.labels import doubted_labels
from detect.checks.review import write_review
from detect.data import open_annotations, open_dataset
from detect.structures import Dataset, Detections

FREE = (1, 1, 9, 9)


def found(data: Dataset) -> list[Detections]:
    """Say of the first image another class of its first object, of the second that it lacks one."""
    some = []
    for place, sample in enumerate(data.samples):
        truth = sample.annotations
        boxes, labels = truth.boxes, truth.labels.copy()
        if place == 0:
            labels[0] = (labels[0] + 1) % len(data.classes)
        if place == 1:
            boxes, labels = np.concatenate([boxes, [(-3, *FREE[1:])]]), np.append(labels, 2)
        scores = np.full(len(boxes), 0.9)
        some.append(Detections(sample.image_id, boxes, labels, scores, data.classes))
    return some


def contents(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("write", [write_voc, write_coco])
def test_detect_reads_again_what_was_written(tmp_path, write):
    root = write(tmp_path / "set", {"test": 4})
    before = contents(root)
    data = open_dataset(root, "test")
    doubts = doubted_labels(data, found(data), 0.8)
    assert [doubt.kind for doubt in doubts] == ["doubt-class", "doubt-unlabelled"]
    write_review(tmp_path / "labels.json", data, doubts)
    again = open_annotations(tmp_path / "labels.json")
    assert again.classes == data.classes
    assert again.category_ids == data.category_ids
    assert len(again) == 2
    for old, new, proposed in zip(data.samples, again.samples, (None, FREE), strict=False):
        count = len(old.annotations)
        assert new.path.name == old.path.name
        assert new.size == old.size
        assert len(new.annotations) == count + 1
        np.testing.assert_array_equal(new.annotations.boxes[:count], old.annotations.boxes)
        np.testing.assert_array_equal(new.annotations.labels[:count], old.annotations.labels)
        expected = old.annotations.boxes[0] if proposed is None else (0, *FREE[1:])
        np.testing.assert_array_equal(new.annotations.boxes[count], expected)
    assert again.samples[1].annotations.labels[-1] == 2
    assert contents(root) == before


def test_a_proposal_says_what_it_is(tmp_path):
    data = open_dataset(write_voc(tmp_path / "set", {"test": 2}), "test")
    write_review(tmp_path / "labels.json", data, doubted_labels(data, found(data), 0.8))
    written = json.loads((tmp_path / "labels.json").read_text())
    wrong, missing = (one for one in written["annotations"] if "score" in one)
    assert wrong["attributes"]["labelled"] == 1
    assert wrong["attributes"]["doubt"] == "doubt-class"
    assert "is detected as" in wrong["attributes"]["reason"]
    assert missing["score"] == 0.9
    assert missing["attributes"]["doubt"] == "doubt-unlabelled"


def test_files_of_several_folders_keep_theirs(tmp_path):
    root = write_coco(tmp_path / "set", {"test": 2})
    path = root / "annotations/instances_test.json"
    content = json.loads(path.read_text())
    for place, image in enumerate(content["images"]):
        old = root / "images" / image["file_name"]
        image["file_name"] = f"{place}/a{old.suffix}"
        (root / f"images/{place}").mkdir()
        old.rename(root / "images" / image["file_name"])
    path.write_text(json.dumps(content))
    data = open_dataset(root, "test")
    write_review(tmp_path / "labels.json", data, doubted_labels(data, found(data), 0.8))
    written = json.loads((tmp_path / "labels.json").read_text())
    assert written["images"] == content["images"]


def test_nothing_in_doubt_is_a_file_without_images(tmp_path):
    data = open_dataset(write_voc(tmp_path / "set", {"test": 2}), "test")
    write_review(tmp_path / "labels.json", data, [])
    written = json.loads((tmp_path / "labels.json").read_text())
    assert written["images"] == written["annotations"] == []
    assert [one["name"] for one in written["categories"]] == list(data.classes)
