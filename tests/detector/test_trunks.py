"""Regions of a detector of one trunk on their way through RegionScorer."""

import numpy as np
import pytest
import torch
from networks import moving_network, shared

from detect.detector import RegionScorer
from detect.ensemble.rounds import Rounds
from detect.errors import DataError
from detect.proposals.multibox import MultiBoxProposer
from detect.proposals.views import warp
from detect.structures import Proposals

EXACT = {"precision": "float32"}
IMAGE = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
BOXES = np.array([[10, 5, 60, 70], [0, 0, 130, 90], [100, 40, 120, 80]], np.float32)


def proposals(boxes: np.ndarray = BOXES) -> Proposals:
    many = len(boxes)
    return Proposals("a", (90, 130), boxes, np.ones(many), np.full(many, "test"))


def test_scores_and_deltas_are_the_networks_of_the_warped_image():
    model, card = shared()
    found = RegionScorer([(model, card)], **EXACT).outputs(IMAGE, BOXES)
    shown = torch.from_numpy(warp(IMAGE, (0, 0, 130, 90), (64, 48))).permute(2, 0, 1)[None]
    fractions = torch.from_numpy(BOXES / np.float32([130, 90, 130, 90]))
    with torch.no_grad():
        regions = model.regions(model.trunk(shown), fractions, torch.zeros(3).long())
        expected = model(regions)
    np.testing.assert_allclose(found.scores[0], expected.logits.softmax(1), atol=1e-4)
    assert found.deltas is not None
    np.testing.assert_allclose(found.deltas[0], expected.deltas, atol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 16])
def test_any_batch_size_gives_the_same(size: int):
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 60, (37, 2)).astype(np.float32)
    boxes = np.concatenate([corner, corner + rng.uniform(4, 30, (37, 2)).astype(np.float32)], 1)
    expected = RegionScorer([shared()], **EXACT).outputs(IMAGE, boxes)
    found = RegionScorer([shared()], batch_size=size, **EXACT).outputs(IMAGE, boxes)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_it_is_averaged_with_a_network_that_sees_crops():
    both = [shared(), moving_network(1, "classwise")]
    found = RegionScorer(both, **EXACT).outputs(IMAGE, BOXES)
    for number, one in enumerate(both):
        alone = RegionScorer([one], **EXACT).outputs(IMAGE, BOXES)
        np.testing.assert_allclose(found.scores[number], alone.scores[0], atol=1e-6)
        np.testing.assert_allclose(found.deltas[number], alone.deltas[0], atol=1e-6)


def test_images_without_regions_and_with_thousands():
    scorer = RegionScorer([shared()], **EXACT)
    many = np.repeat(BOXES, 2000, 0)
    pairs = [(IMAGE, proposals(boxes)) for boxes in (BOXES[:0], many, BOXES[:1])]
    found = [outputs for _, _, outputs in scorer.scored(pairs)]
    assert [one.scores.shape[1] for one in found] == [0, 6000, 1]
    np.testing.assert_allclose(
        found[1].scores[0, :2000:999], found[2].scores[0].repeat(3, 0), atol=1e-5
    )


def test_rounds_look_again_where_boxes_moved_to():
    scorer = RegionScorer([shared()], rounds=Rounds(2, 2), **EXACT)
    found = scorer.localised(IMAGE, proposals())
    assert len(found.proposals) == 5
    later = scorer.outputs(IMAGE, found.proposals.boxes[3:])
    np.testing.assert_allclose(found.outputs.scores[:, 3:], later.scores, atol=1e-6)


def test_one_that_moves_boxes_otherwise_is_refused():
    with pytest.raises(DataError, match="the models do not move boxes alike"):
        RegionScorer([shared(), moving_network(1, "agnostic")])


def test_it_proposes_from_the_whole_image():
    model, card = shared()
    found = MultiBoxProposer(model, card, torch.device("cpu"), "float32")(IMAGE, "a")
    assert 1 < len(found) <= card.boxes
    assert (np.diff(found.scores) <= 0).all()
    assert set(found.sources.tolist()) == {"multibox"}
    shown = torch.from_numpy(warp(IMAGE, (0, 0, 130, 90), (64, 48))).permute(2, 0, 1)[None]
    with torch.no_grad():
        offsets, logits = model.propose(shown)
        best = model.decode(offsets)[0, logits[0].argmax()].clamp(0, 1).numpy()
    np.testing.assert_allclose(found.boxes[0], best * [130, 90, 130, 90], atol=0.05)
