"""The COCO protocol against pycocotools used as its demo does."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scoring import Found, dataset, detections, random_case, with_integer_ids

from detect.evaluation import ilsvrc
from detect.evaluation.average_precision import evaluate
from detect.evaluation.curve import recall_and_precision
from detect.evaluation.flat import flatten_detections, flatten_truth
from detect.structures import Annotations, Dataset


def pycocotools_stats(data: Dataset, found: list[Found]) -> Any:
    """Score as pycocotools' own demo does: one JSON of truth, one of results, summarize()."""
    truth: list[dict[str, Any]] = []
    for sample in data.samples:
        notes = sample.annotations
        for box, label, crowd in zip(notes.boxes.tolist(), notes.labels, notes.crowd, strict=True):
            x1, y1, x2, y2 = box
            entry = {"id": len(truth) + 1, "image_id": int(sample.image_id), "iscrowd": int(crowd)}
            entry |= {"category_id": data.category_ids[label], "bbox": [x1, y1, x2 - x1, y2 - y1]}
            truth.append(entry | {"area": (x2 - x1) * (y2 - y1)})
    judge = COCO()
    judge.dataset = {
        "images": [{"id": int(sample.image_id)} for sample in data.samples],
        "categories": [{"id": category} for category in data.category_ids],
        "annotations": truth,
    }
    judge.createIndex()
    results = [
        {
            "image_id": int(name),
            "category_id": data.category_ids[label],
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for name, label, box, score in found
    ]
    scored = COCOeval(judge, judge.loadRes(copy.deepcopy(results)), "bbox")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    return scored.stats


def test_a_detection_in_an_image_without_the_class_is_wrong() -> None:
    box = (0, 0, 100, 100)
    data = with_integer_ids(dataset({"1": [(0, box)], "2": [(1, box)]}))
    found = [("1", 0, box, 0.5), ("2", 0, box, 0.9), ("2", 1, box, 0.9)]
    scores = evaluate(data, detections(found), "coco")["coco"]["per_class"]
    assert [round(one["ap"], 12) for one in scores.values()] == [0.5, 1.0]


@pytest.mark.parametrize("seed", range(6))
def test_equal_to_pycocotools_used_as_its_demo_does(seed: int) -> None:
    data, found = random_case(seed, whole=seed % 2 == 0)
    data = with_integer_ids(data)
    stats = pycocotools_stats(data, found)
    entry = evaluate(data, detections(sorted(found, key=lambda f: int(f[0]))), "coco")["coco"]
    assert entry["map_50_95"] == pytest.approx(stats[0], abs=1e-12)
    assert entry["map"] == pytest.approx(stats[1], abs=1e-12)


def test_crowd_regions_as_pycocotools_has_them() -> None:
    data, found = random_case(3, images=6)
    crowded = with_integer_ids(replace(data, samples=tuple(map(_with_crowds, data.samples))))
    stats = pycocotools_stats(crowded, found)
    entry = evaluate(crowded, detections(found), "coco")["coco"]
    assert entry["map_50_95"] == pytest.approx(stats[0], abs=1e-12)
    assert stats[0] != pycocotools_stats(data, found)[0]


def _with_crowds(sample: Any) -> Any:
    notes = sample.annotations
    crowd = np.arange(len(notes)) % 3 == 0
    return replace(sample, annotations=Annotations(notes.boxes, notes.labels, crowd=crowd))


@pytest.mark.parametrize(("wrong", "ap"), [(99, 1 / 100), (100, 0)])
def test_the_hundred_best_detections_of_an_image_count(wrong: int, ap: float) -> None:
    data = dataset({"1": [(0, (0, 0, 50, 50))]})
    found: list[Found] = [("1", 0, (200, 100, 250, 150), 0.9)] * wrong
    found.append(("1", 0, (0, 0, 50, 50), 0.8))
    assert evaluate(data, detections(found), "coco")["coco"]["map"] == pytest.approx(ap)


def test_objects_of_any_area_count() -> None:
    sides = (1, 40, 5000)
    data = dataset({str(side): [(0, (0, 0, side, side))] for side in sides})
    found: list[Found] = [(str(side), 0, (0, 0, side, side), 0.9) for side in sides]
    assert evaluate(data, detections(found), "coco")["coco"]["map"] == pytest.approx(1)
    # Two of three: recall points 0 to 0.66 of 101.
    two = evaluate(data, detections(found[:2]), "coco")["coco"]["map"]
    assert two == pytest.approx(67 / 101)


def test_iou_off_the_grid_leaves_the_average_alone() -> None:
    data, found = random_case(1)
    on, off = (evaluate(data, detections(found), "coco", iou)["coco"] for iou in (0.5, 0.52))
    assert off["map_50_95"] == on["map_50_95"]
    assert off["map"] < on["map"]


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    data, found = random_case(1)
    evaluate(data, detections(found), "coco")
    assert capsys.readouterr() == ("", "")


def test_the_first_annotation_can_be_matched() -> None:
    # pycocotools takes annotation id 0 for "unmatched".
    data = dataset({"5": [(0, (0, 0, 50, 50))]})
    notes = data.samples[0].annotations
    numbered = Annotations(notes.boxes, notes.labels, ids=[0])
    data = replace(data, samples=(replace(data.samples[0], annotations=numbered),))
    found = [("5", 0, (0.0, 0.0, 50.0, 50.0), 0.9)]
    assert evaluate(data, detections(found), "coco")["coco"]["map_50_95"] == pytest.approx(1)


@pytest.mark.parametrize("seed", range(8))
def test_ilsvrc_matching_with_101_points_is_pycocotools_ap50(seed: int) -> None:
    """True where objects are too large for ILSVRC's lower threshold and no two IoUs are equal."""
    data, found = random_case(seed, whole=False, smallest=25)
    data = with_integer_ids(data)
    flat = flatten_detections(data, detections(found))
    outcome = ilsvrc.judge(data, flatten_truth(data), flat, 0.5, frozenset())
    per_class = evaluate(data, flat, "coco")["coco"]["per_class"]
    assert len(per_class) == 3
    for label, name in enumerate(data.classes[:3]):
        own = outcome.labels == label
        positives = int(outcome.positives[label])
        recall, precision = recall_and_precision(outcome.hits[own], outcome.ignored[own], positives)
        points = [precision[recall >= point].max(initial=0.0) for point in np.linspace(0, 1, 101)]
        assert np.mean(points) == pytest.approx(per_class[name]["ap"], abs=1e-12)
