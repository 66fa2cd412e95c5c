"""The paper's claims and tables beside ours: which run and which proposals speak of which."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from scoring import dataset, detections

from detect.evaluation.flat import flatten_detections
from detect.report import paper
from detect.report.measure import Measured, measure
from detect.report.paper_claims import ScoredProposals, ScoredRun, claims, largest_ensemble
from detect.report.runs import Run, proposal_kind
from detect.report.sections import page_values

SEARCH = "selective-search"
RCNN = {"method": SEARCH, "parameters": {"ks": [50, 100]}}
DOUBLED = {"method": SEARCH, "parameters": {"ks": [100, 200]}}
BOTH = {
    "method": "both",
    "parameters": {SEARCH: {"ks": [100, 200]}, "multibox": {"boxes": 200}},
}


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        (RCNN, "rcnn"),
        (DOUBLED, "doubled"),
        (BOTH, "both"),
        ({"method": "multibox", "parameters": {}}, "multibox"),
        ({"method": SEARCH, "parameters": {"ks": [50, 100, 150, 300]}}, "other"),
        ({**BOTH, "parameters": {SEARCH: {"ks": [50, 100]}}}, "other"),
        ({"method": "import"}, "other"),
        ({}, "other"),
    ],
)
def test_recipes_are_told_apart(recipe, kind):
    assert proposal_kind(recipe) == kind


def scored(name: str, networks: int, value: float, proposals: dict[str, Any] = RCNN) -> ScoredRun:
    nothing = flatten_detections(dataset({"1": []}), {})
    config = {"models": ["m"] * networks, "proposals": proposals}
    return ScoredRun(Run(name, nothing, config, {}), {"ilsvrc": {"map": value}})


def proposed(kind: str, boxes: float, coverage: float) -> ScoredProposals:
    report = {"boxes_per_image": boxes, "coverage": {"all": {"0.50": coverage}}}
    return ScoredProposals(kind, kind, report, 0.0)


def ours(runs, files=()):
    found = claims(runs, files)
    keys = dict(zip(paper.CLAIMS, found, strict=True))
    return SimpleNamespace(**{key: claim.ours for key, claim in keys.items() if claim.measured})


def test_proposals_speak_of_the_first_three_claims():
    files = [
        proposed("doubled", 400, 0.80),
        proposed("both", 500, 0.955),
        proposed("rcnn", 1000, 0.95),
    ]
    found = ours([], files)
    assert found.half == "40 % (400 of 1,000 boxes an image)"
    assert found.share == "50 % (500 of 1,000 boxes an image)"
    assert found.coverage == "95.0 % to 95.5 %"
    assert set(vars(ours([], files[:2]))) == set()


def test_no_boxes_are_no_share():
    found = ours([], [proposed("doubled", 0, 0.0), proposed("rcnn", 0, 0.0)])
    assert found.half == "no share (0 of 0 boxes an image)"


def test_one_network_on_two_kinds_of_proposals():
    runs = [scored("a", 1, 0.70), scored("b", 1, 0.72), scored("c", 1, 0.74, BOTH)]
    assert ours(runs).proposals == "+3.0 points (71.0 % to 74.0 %)"
    assert ours(runs).single == "72.0 % (mean of 3, 70.0 % to 74.0 %)"
    assert ours(runs[:1]).single == "70.0 %"
    assert not hasattr(ours(runs[:2]), "proposals")


def test_several_networks_against_one_on_the_same_proposals():
    runs = [
        scored("a", 1, 0.40),
        scored("b", 1, 0.42),
        scored("c", 1, 0.80, BOTH),
        scored("three", 3, 0.43),
        scored("six", 6, 0.45),
    ]
    assert ours(runs).ensemble == "45.0 % (6 networks)"
    assert ours(runs).gain == "+4.0 points (41.0 % to 45.0 %)"
    assert not hasattr(ours(runs[2:]), "gain")
    top = largest_ensemble(runs)
    assert top is not None
    assert top.run.name == "six"
    assert largest_ensemble(runs[:2]) is None


def test_what_is_not_measured_says_what_it_takes():
    found = claims([], [])
    assert len(found) == len(paper.CLAIMS)
    assert not any(claim.measured for claim in found)
    assert all(claim.ours.startswith("not measured: needs ") for claim in found)


def test_a_run_whose_networks_were_not_recorded_is_no_claim():
    nothing = flatten_detections(dataset({"1": []}), {})
    assert vars(ours([ScoredRun(Run("x", nothing, {}, {}), {"ilsvrc": {"map": 0.5}})])) == {}


def figures(text: str) -> list[float]:
    """Return the percents and points that `text` names, in its order."""
    return [float(number) for number in re.findall(r"([\d.]+) (?:%|points?\b)", text)]


@pytest.mark.parametrize("key", paper.CLAIMS)
def test_the_papers_own_networks_and_boxes_give_what_it_claims(key):
    # Section 8: half of R-CNN's boxes, about 60 % with MultiBox's; coverage 92 % to 93 %; +1 point
    # for one network; 40 % with one, 43.9 % with six.
    files = [
        proposed("rcnn", 2000, 0.92),
        proposed("doubled", 1000, 0),
        proposed("both", 1200, 0.93),
    ]
    before, one, six = scored("a", 1, 0.39), scored("b", 1, 0.40, BOTH), scored("c", 6, 0.439, BOTH)
    runs = [before, one] if key == "proposals" else [one, six]
    claim = dict(zip(paper.CLAIMS, claims(runs, files), strict=True))[key]
    assert claim.measured
    pairs = list(zip(figures(claim.paper), figures(claim.ours), strict=False))
    assert pairs
    assert [theirs for theirs, _ in pairs] == [ours for _, ours in pairs]


# Table 3 (section 7): models, crops and top-5 error in percent; the cost is models times crops.
TABLE_3 = (
    (1, 1, 10.07), (1, 10, 9.15), (1, 144, 7.89), (7, 1, 8.09), (7, 10, 7.62), (7, 144, 6.67),
)  # fmt: skip
CAT, DOG = ("1", 0, (10, 10, 60, 60), 0.9), ("1", 1, (100, 100, 160, 160), 0.8)
DATA = dataset({"1": [(0, CAT[2]), (1, DOG[2])]})


def run(name: str, networks: int, *found: Any) -> Run:
    config = {"models": ["m"] * networks}
    return Run(name, flatten_detections(DATA, detections(found)), config, {})


def our_rows(measured: Measured) -> dict[int, list[dict[str, str]]]:
    """Return our rows of the paper's tables, by table, each value under its head."""
    return {
        table.number: [dict(zip(table.head, row, strict=True)) for row in rows]
        for table, rows, _ in page_values(DATA, measured)["tables"]
    }


def test_our_detection_stands_in_the_papers_tables_under_its_heads():
    runs = [run("none", 1), run("cat", 1, CAT), run("six", 6, CAT, DOG)]
    ours = our_rows(measure(DATA, runs, confident=0.8))
    yours = {"team": "yours, on set test"}
    best = {"year": "", "place": "", "mAP, %": "100.0", "external data": "", "ensemble": "6"}
    assert ours[4] == [{**yours, **best, "approach": "R-CNN"}]
    mean = {"mAP, %": "25.0", "contextual model": "no", "bounding box regression": "no"}
    assert ours[5] == [{**yours, **mean}]
    assert ours[2] == ours[3] == []


def test_the_papers_classification_as_ours_gives_its_rows(tmp_path):
    rows = [
        {"models": models, "crops": crops, "cost": models * crops, "top5_error": error / 100}
        for models, crops, error in TABLE_3
    ]
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"table": rows}))
    ours = our_rows(measure(DATA, [run("cat", 1, CAT)], confident=0.8, classification=path))
    assert [tuple(row.values()) for row in ours[3]] == list(paper.TABLE_3.rows)
    best = dict(zip(paper.TABLE_2.head, paper.TABLE_2.rows[-1], strict=True))
    assert best["team"] == "GoogLeNet"
    assert [row["top-5 error, %"] for row in ours[2]] == [best["top-5 error, %"]]
