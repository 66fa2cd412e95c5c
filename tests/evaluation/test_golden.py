"""AP against the official tools' own answers: tests/golden and its README."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detect.cli import main
from detect.data import open_annotations
from detect.evaluation import ilsvrc, voc
from detect.evaluation.average_precision import evaluate
from detect.evaluation.curve import JudgedDetections, recall_and_precision
from detect.evaluation.flat import FlatDetections, flatten_truth
from detect.storage.detections import read_columns, read_detections
from detect.structures import Dataset

GOLDEN = Path(__file__).parents[1] / "golden"
# Golden protocol -> ours, the key of its mean, the key of a class's AP.
OURS = {
    "voc07": ("voc2007", "map", "ap"),
    "voc12": ("voc2012", "map", "ap"),
    "ilsvrc": ("ilsvrc", "map", "ap"),
    "coco_ap": ("coco", "map_50_95", "ap_50_95"),
    "coco_ap50": ("coco", "map", "ap"),
}
MATLAB_CODE = ("voc07", "voc12", "ilsvrc")
cases = pytest.mark.parametrize("case", ["voc40", "tiny120"])


def load(case: str, name: str) -> Any:
    return json.loads((GOLDEN / case / f"{name}.json").read_text(encoding="utf-8"))


def truth(case: str) -> Dataset:
    return open_annotations(GOLDEN / case / "gt.json")


def columns(case: str, data: Dataset) -> FlatDetections:
    return FlatDetections(*read_columns(GOLDEN / case / "detections.json", data))


def blacklist(case: str, data: Dataset) -> frozenset[tuple[str, int]]:
    """Return the pairs (image id, label) that ILSVRC leaves out."""
    labels = {category: label for label, category in enumerate(data.category_ids)}
    pairs = load(case, "gt")["blacklist"]
    return frozenset((str(pair["image_id"]), labels[pair["category_id"]]) for pair in pairs)


def scores(case: str, data: Dataset, protocol: str) -> dict[str, Any]:
    found = read_detections(GOLDEN / case / "detections.json", data)
    return evaluate(data, found, protocol, blacklist=blacklist(case, data))


def by_name(entries: dict[str, Any], data: Dataset) -> dict[str, Any]:
    """`entries` by category id -> by class name."""
    names = dict(zip(data.category_ids, data.classes, strict=True))
    return {names[int(category)]: entry for category, entry in entries.items()}


def check(case: str, data: Dataset, golden: str, found: dict[str, Any]) -> None:
    """Assert that `found`, from `evaluate`, is what `golden` says: mean, classes, null classes."""
    protocol, mean, key = OURS[golden.removesuffix("_crowd")]
    expected = load(case, "expected")["protocols"][golden]
    official = by_name(expected["per_class"], data)
    entry = found[protocol]
    ours = {name: one[key] for name, one in entry["per_class"].items()}
    assert ours | dict.fromkeys(entry["skipped"]) == pytest.approx(official, abs=1e-9)
    assert len(ours) == expected["classes_averaged"]
    assert entry[mean] == pytest.approx(expected["map"], abs=1e-9)


def judge(case: str, data: Dataset, golden: str) -> JudgedDetections:
    """Return what our judge of the protocol makes of the detections."""
    objects, found = flatten_truth(data), columns(case, data)
    if golden == "ilsvrc":
        return ilsvrc.judge(data, objects, found, 0.5, blacklist(case, data))
    return voc.judge(objects, found, len(data.classes), 0.5)


@cases
@pytest.mark.parametrize("golden", OURS)
def test_every_class_and_the_mean_are_the_official_ones(case: str, golden: str) -> None:
    data = truth(case)
    check(case, data, golden, scores(case, data, OURS[golden][0]))


@cases
@pytest.mark.parametrize("golden", ["coco_ap_crowd", "coco_ap50_crowd"])
def test_coco_with_crowd_regions(tmp_path: Path, case: str, golden: str) -> None:
    content = load(case, "gt")
    for entry in content["annotations"]:
        entry["iscrowd"] = entry["difficult"]
    (tmp_path / "gt.json").write_text(json.dumps(content), encoding="utf-8")
    data = open_annotations(tmp_path / "gt.json")
    found = scores(case, data, "coco")
    check(case, data, golden, found)
    # What counts is what counts in VOC.
    detail = by_name(load(case, "expected")["protocols"]["voc12"]["detail"], data)
    for name, one in found["coco"]["per_class"].items():
        assert one["positives"] == detail[name]["npos"]


def test_ties_of_ilsvrc_go_by_image_id_whatever_the_order_of_the_images() -> None:
    data = truth("tiny120")
    data = replace(data, samples=data.samples[::-1])
    images = list(read_detections(GOLDEN / "tiny120" / "detections.json", data))
    assert images == sorted(images, key=int, reverse=True)
    check("tiny120", data, "ilsvrc", scores("tiny120", data, "ilsvrc"))


@cases
@pytest.mark.parametrize("golden", MATLAB_CODE)
def test_objects_and_right_and_wrong_detections_are_as_many(case: str, golden: str) -> None:
    data = truth(case)
    outcome = judge(case, data, golden)
    wrong = ~outcome.hits & ~outcome.ignored
    per_class = scores(case, data, OURS[golden][0])[OURS[golden][0]]["per_class"]
    detail = by_name(load(case, "expected")["protocols"][golden]["detail"], data)
    assert [one["npos"] for one in detail.values()] == outcome.positives.tolist()
    for label, name in enumerate(data.classes):
        if name in per_class:
            own, official, ours = outcome.labels == label, detail[name], per_class[name]
            assert ours["positives"] == official["npos"]
            assert ours["detections"] == official["ndet"]
            assert outcome.hits[own].sum() == official["tp"]
            assert official["fp"] in (None, wrong[own].sum())


def test_matlab_differs_from_our_voc2007_only_where_recall_hits_its_thresholds() -> None:
    data = truth("voc40")
    outcome = judge("voc40", data, "voc07")
    expected = load("voc40", "expected")["protocols"]["voc07_matlab_colon"]
    matlab = by_name(expected["per_class"], data)
    per_class = scores("voc40", data, "voc2007")["voc2007"]["per_class"]
    differ = {name for name, one in per_class.items() if abs(one["ap"] - matlab[name]) > 1e-9}
    hit = set()
    for name, one in per_class.items():
        own = outcome.labels == data.classes.index(name)
        recall, _ = recall_and_precision(outcome.hits[own], outcome.ignored[own], one["positives"])
        hit |= {name} if np.isin(recall, [0.6, 0.7]).any() else set()
    assert differ == hit == {"boat"}
    assert per_class["boat"]["ap"] == pytest.approx(matlab["boat"] - 1 / 11, abs=1e-9)


@cases
def test_the_command_gives_the_official_numbers(tmp_path: Path, case: str) -> None:
    data, out, listed = truth(case), tmp_path / "scores.json", tmp_path / "blacklist.txt"
    pairs = blacklist(case, data)
    listed.write_text("".join(f"{image} {data.classes[label]}\n" for image, label in pairs))
    files = {
        "--annotations": GOLDEN / case / "gt.json",
        "--detections": GOLDEN / case / "detections.json",
        "--blacklist": listed,
        "--json": out,
    }
    given = [str(part) for option in files.items() for part in option]
    with pytest.raises(SystemExit) as stop:
        main(["eval", "--map", "--protocol", "all", *given])
    assert not stop.value.code
    for golden in OURS:
        check(case, data, golden, json.loads(out.read_text()))
