"""The paper's claims beside ours: which run and which proposals speak of which."""

from types import SimpleNamespace
from typing import Any

import pytest
from scoring import dataset

from detect.evaluation.flat import flatten_detections
from detect.report import paper
from detect.report.claims import Proposed, Scored, claims, largest
from detect.report.runs import Run, proposal_kind

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
        ({"method": SEARCH, "preset": "rcnn", "seed": 0}, "rcnn"),
        ({"method": SEARCH, "preset": "googlenet", "seed": 0}, "doubled"),
        ({"method": SEARCH, "parameters": {"ks": [50, 100, 150, 300]}}, "other"),
        ({**BOTH, "parameters": {SEARCH: {"ks": [50, 100]}}}, "other"),
        ({"method": "import"}, "other"),
        ({}, "other"),
    ],
)
def test_recipes_are_told_apart(recipe, kind):
    assert proposal_kind(recipe) == kind


def scored(name: str, networks: int, value: float, proposals: dict[str, Any] = RCNN) -> Scored:
    nothing = flatten_detections(dataset({"1": []}), {})
    config = {"models": ["m"] * networks, "proposals": proposals}
    return Scored(Run(name, nothing, config, {}), {"ilsvrc": {"map": value}})


def proposed(kind: str, boxes: float, coverage: float) -> Proposed:
    report = {"boxes_per_image": boxes, "coverage": {"all": {"0.50": coverage}}}
    return Proposed(kind, kind, report, 0.0)


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
    top = largest(runs)
    assert top is not None
    assert top.run.name == "six"
    assert largest(runs[:2]) is None


def test_what_is_not_measured_says_what_it_takes():
    found = claims([], [])
    assert len(found) == len(paper.CLAIMS)
    assert not any(claim.measured for claim in found)
    assert all(claim.ours.startswith("not measured: needs ") for claim in found)


def test_a_run_whose_networks_were_not_recorded_is_no_claim():
    nothing = flatten_detections(dataset({"1": []}), {})
    assert vars(ours([Scored(Run("x", nothing, {}, {}), {"ilsvrc": {"map": 0.5}})])) == {}


@pytest.mark.parametrize("table", [paper.TABLE_2, paper.TABLE_3, paper.TABLE_4, paper.TABLE_5])
def test_the_papers_tables_hold_together(table):
    assert {len(row) for row in table.rows} == {len(table.head)}
    for row in table.rows:
        assert [float(row[column]) for column in table.numbers]


def test_the_papers_costs_follow_from_its_own_table():
    # Table 3: cost is models x crops.
    for models, crops, cost, _ in paper.TABLE_3.rows:
        assert int(models) * int(crops) == int(cost)
    assert paper.TABLE_2.rows[-1][3] == paper.TABLE_3.rows[-1][3] == "6.67"
