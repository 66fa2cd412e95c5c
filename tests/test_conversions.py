"""Detections as people and other libraries take them."""

import json
import sys

import numpy as np
import pytest

from detect.errors import EnvironmentProblem
from detect.structures import Detections

BOXES = [[0, 0, 4, 2], [1, 1, 2, 3.5], [5, 5, 9, 9]]
FOUND = Detections("photo", BOXES, [1, 0, 1], [0.25, 0.9, 0.5], ("cat", "<dog>"))


def test_iterating_gives_box_name_and_score() -> None:
    boxes, names, scores = zip(*FOUND, strict=True)
    np.testing.assert_array_equal(boxes, BOXES)
    assert names == FOUND.names == ("<dog>", "cat", "<dog>")
    assert scores == (0.25, 0.9, 0.5)


def test_filters_keep_order_id_and_classes() -> None:
    above = FOUND.above(0.5)
    assert above.scores.tolist() == [0.9, 0.5]
    dogs = FOUND.of("<dog>")
    assert dogs.boxes.tolist() == [BOXES[0], BOXES[2]]
    assert FOUND.of("<dog>", "cat").scores.tolist() == FOUND.scores.tolist()
    assert len(FOUND.of("cat").above(1)) == 0
    for part in (above, dogs, FOUND.take([2])):
        assert (part.image_id, part.classes) == ("photo", FOUND.classes)
    with pytest.raises(ValueError, match="of: no class 'dog'; there are cat, <dog>"):
        FOUND.of("dog")


def test_labels_without_names_are_numbered() -> None:
    unnamed = Detections(None, BOXES, [1, 0, 1], [0.25, 0.9, 0.5])
    assert unnamed.names == ("class 1", "class 0", "class 1")
    assert len(unnamed.of("class 1")) == 2


def test_a_label_must_have_a_name_where_there_are_any() -> None:
    for label in (2, -1):
        with pytest.raises(ValueError, match=r"labels must be in 0\.\.1"):
            Detections("a", [[0, 0, 1, 1]], [label], [0.5], ("cat", "dog"))


def test_columns() -> None:
    assert FOUND.to_columns() == {
        "name": ["<dog>", "cat", "<dog>"],
        "score": [0.25, 0.9, 0.5],
        "x1": [0, 1, 5],
        "y1": [0, 1, 5],
        "x2": [4, 2, 9],
        "y2": [2, 3.5, 9],
    }
    assert FOUND.take([]).to_columns() == {name: [] for name in FOUND.to_columns()}


def test_coco_results() -> None:
    first, *_ = FOUND.to_coco()
    assert first == {"image_id": "photo", "category_id": 2, "bbox": [0, 0, 4, 2], "score": 0.25}
    entries = FOUND.to_coco(7, category_ids=(3, 90))
    assert [(entry["image_id"], entry["category_id"]) for entry in entries] == [
        (7, 90), (7, 3), (7, 90),
    ]  # fmt: skip
    assert entries[1]["bbox"] == [1, 1, 1, 2.5]
    assert json.loads(json.dumps(entries)) == entries
    with pytest.raises(ValueError, match=r"labels must be in 0\.\.0, got 1"):
        FOUND.to_coco(category_ids=(3,))
    with pytest.raises(ValueError, match="this image has none"):
        Detections(None, BOXES, [0, 0, 0], [0, 0, 0]).to_coco()


def test_torchvision_takes_and_gives_back_the_same() -> None:
    tensors = FOUND.to_torchvision()
    tensors["boxes"] += 1  # a copy, which nobody minds
    boxes, labels, scores = (tensor.numpy() for tensor in tensors.values())
    again = Detections("photo", boxes - 1, labels, scores)
    np.testing.assert_array_equal(again.boxes, FOUND.boxes)
    assert again.labels.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(again.scores, FOUND.scores.astype(np.float32))
    types = {name: str(tensor.dtype) for name, tensor in tensors.items()}
    assert types == {"boxes": "torch.float32", "labels": "torch.int64", "scores": "torch.float32"}


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    pandas.testing.assert_frame_equal(FOUND.to_pandas(), pandas.DataFrame(FOUND.to_columns()))


def test_supervision() -> None:
    supervision = pytest.importorskip("supervision")
    made = FOUND.to_supervision()
    assert isinstance(made, supervision.Detections)
    np.testing.assert_array_equal(made.xyxy, FOUND.boxes)
    assert made.data["class_name"].tolist() == list(FOUND.names)


@pytest.mark.parametrize("package", ["pandas", "supervision"])
def test_what_is_not_installed_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EnvironmentProblem, match=f"needs {package}, .*: pip install {package}"):
        getattr(FOUND, f"to_{package}")()


def test_people_read_a_table() -> None:
    assert str(FOUND) == (
        "photo: 3 detections\n"
        "  <dog>  0.25  (0.0, 0.0, 4.0, 2.0)\n"
        "  cat    0.90  (1.0, 1.0, 2.0, 3.5)\n"
        "  <dog>  0.50  (5.0, 5.0, 9.0, 9.0)"
    )
    assert str(Detections(None, [], [], [])) == "0 detections"
    many = Detections(None, np.zeros((23, 4)), np.zeros(23), np.zeros(23))
    assert str(many).splitlines()[0] == "23 detections"
    assert str(many).splitlines()[-1] == "  and 3 more"
    assert len(str(many).splitlines()) == 22


def test_a_notebook_shows_a_table_with_names_escaped() -> None:
    shown = FOUND._repr_html_()
    assert "<caption>photo: 3 detections</caption>" in shown
    assert "<tr><td>&lt;dog&gt;</td><td>0.25</td><td>(0.0, 0.0, 4.0, 2.0)</td></tr>" in shown
    assert shown.count("<tr>") == 4
    assert "<dog>" not in shown
