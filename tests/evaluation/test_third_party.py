"""Another detector's output on real VOC images with difficult objects, against slow loops."""

from pathlib import Path

import numpy as np
import pytest
from builders import SHARED, needs_shared
from scoring import Found, detections, slow_area, slow_eleven_points, slow_ilsvrc, slow_voc

from detect.data import open_dataset
from detect.evaluation.average_precision import evaluate

ROOT = SHARED / "voc2012-mini"


def third_party(folder: Path, image_ids: list[str], classes: tuple[str, ...]) -> list[Found]:
    """Read lines `class score xmin ymin xmax ymax`, 1-based inclusive px."""
    names = (folder / "classes.names").read_text().split()
    found: list[Found] = []
    for image_id in image_ids:
        path = folder / f"{image_id}.txt"
        for line in path.read_text().splitlines() if path.is_file() else []:
            place, score, x1, y1, x2, y2 = line.split()
            box = (float(x1) - 1, float(y1) - 1, float(x2), float(y2))
            found.append((image_id, classes.index(names[int(place)]), box, float(score)))
    return found


@needs_shared
@pytest.mark.parametrize("split", ["trainval", "test"])
def test_real_detections_score_as_the_loops_say(split: str) -> None:
    data = open_dataset(ROOT, split)
    assert any(sample.annotations.difficult.any() for sample in data.samples)
    ids = [sample.image_id for sample in data.samples]
    found = third_party(ROOT / "detections", ids, data.classes)
    scores = evaluate(data, detections(found), "all")
    for label, name in enumerate(data.classes):
        outcome, positives = slow_voc(data, found, label)
        if positives:
            voc12 = scores["voc2012"]["per_class"][name]["ap"]
            voc07 = scores["voc2007"]["per_class"][name]["ap"]
            assert voc12 == pytest.approx(slow_area(outcome, positives), abs=1e-12)
            assert voc07 == pytest.approx(slow_eleven_points(outcome, positives), abs=1e-12)
        outcome, positives = slow_ilsvrc(data, found, label)
        ilsvrc = scores["ilsvrc"]["per_class"][name]["ap"]
        assert ilsvrc == pytest.approx(slow_area(outcome, positives), abs=1e-12)
    means = [np.mean([c["ap"] for c in entry["per_class"].values()]) for entry in scores.values()]
    assert means == pytest.approx([entry["map"] for entry in scores.values()])
    assert 0.2 < scores["voc2012"]["map"] < 0.95
