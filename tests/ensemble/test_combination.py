"""Each kind by its name, with the limits it was given."""

import numpy as np
import pytest

from detect.ensemble import Combination, average, select, select_fused, select_softly, vote
from detect.ensemble.candidates import candidates
from detect.ensemble.soft_nms import gaussian, linear

GENERATOR = np.random.default_rng(0)
CORNERS = GENERATOR.uniform(0, 30, (40, 2))
BOXES = np.concatenate([CORNERS, CORNERS + GENERATOR.uniform(3, 30, (40, 2))], 1).astype(np.float32)
PROBABILITIES = GENERATOR.dirichlet(np.ones(4), (3, 40)).astype(np.float32)
WEIGHTS = (1.0, 2.0, 3.0)
LIMITS = {"threshold": 0.2, "per_class": 5}
MEAN = average(PROBABILITIES, WEIGHTS)


@pytest.mark.parametrize(
    ("combination", "expected"),
    [
        (Combination(nms=0.4, **LIMITS), select(BOXES, MEAN, nms=0.4, **LIMITS)),
        (
            Combination("soft-nms", nms=0.2, decay="linear", **LIMITS),
            select_softly(BOXES, MEAN, linear(0.2), **LIMITS),
        ),
        (
            Combination("soft-nms", sigma=0.2, **LIMITS),
            select_softly(BOXES, MEAN, gaussian(0.2), **LIMITS),
        ),
        (
            Combination(nms=0.4, vote=0.4, **LIMITS),
            vote(select(BOXES, MEAN, nms=0.4, **LIMITS), candidates(BOXES, MEAN, 0.02), 0.4),
        ),
        (
            Combination("wbf", nms=0.4, fusion_iou=0.6, **LIMITS),
            select_fused(BOXES, PROBABILITIES, WEIGHTS, nms=0.4, fusion_iou=0.6, **LIMITS),
        ),
    ],
    ids=["nms", "linear", "gaussian", "voted", "wbf"],
)
def test_a_kind_is_its_function(combination, expected):
    found = combination.select(BOXES, PROBABILITIES, WEIGHTS)
    assert len(found[0]) > 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# Of many boxes the cap of a class is reached, of few the threshold.
@pytest.mark.parametrize("count", [800, 60])
def test_what_is_not_given_is_the_papers_everywhere(count):
    assert Combination() == Combination("nms", 0.01, 0.3, 100, "gaussian", 0.5, 0.55)
    rng = np.random.default_rng(1)
    corners, sides = rng.uniform(0, 300, (count, 2)), rng.uniform(5, 40, (count, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
    probabilities = rng.dirichlet((1, 1, 5), (2, count)).astype(np.float32)
    mean = average(probabilities)
    functions = {
        "nms": select(boxes, mean),
        "soft-nms": select_softly(boxes, mean, gaussian(0.5)),
        "wbf": select_fused(boxes, probabilities),
    }
    for kind, expected in functions.items():
        found = Combination(kind).select(boxes, probabilities)
        assert (np.bincount(found[1]).max() == 100) == (count == 800)
        assert (found[2].min() < 0.05) == (count == 60)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_kinds_differ():
    found = [
        Combination(kind, decay=decay).select(BOXES, PROBABILITIES)[2].sum()
        for kind, decay in (
            ("nms", "linear"), ("soft-nms", "linear"), ("soft-nms", "gaussian"), ("wbf", "linear"),
        )
    ]  # fmt: skip
    assert len(set(found)) == 4


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"kind": "hard"}, "kind: expected nms, soft-nms, wbf, got hard"),
        ({"decay": "cubic"}, "decay: expected linear, gaussian, got cubic"),
        ({"vote": 0.0}, r"vote: expected an IoU above 0, and no wbf, got 0\.0"),
        ({"vote": 0.5, "kind": "wbf"}, r"vote: expected an IoU above 0, and no wbf, got 0\.5"),
    ],
)
def test_an_unknown_name_is_a_callers_mistake(given, text):
    with pytest.raises(ValueError, match=text):
        Combination(**given)
