"""The detector with networks that move boxes: every region, before all else, class by class."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from networks import moving_network, network

from detect.detector import RegionScorer
from detect.ensemble import Combination, moved, select
from detect.structures import Proposals

IMAGE = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)


def regions(count: int = 25) -> Proposals:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(8, 36, (count, 2))], 1)
    return Proposals("a", (96, 128), boxes.astype(np.float32), np.ones(count), ["test"] * count)


@pytest.mark.parametrize("kind", ["agnostic", "classwise"])
def test_every_region_is_moved_before_it_is_selected(kind: str) -> None:
    proposals = regions()
    detector = RegionScorer(
        [moving_network(0, kind), moving_network(1, kind)],
        precision="float32",
        combination=Combination(threshold=0.1),
    )
    outputs = detector.outputs(IMAGE, proposals.boxes)
    assert outputs.deltas is not None
    assert outputs.deltas.shape == (2, 25, 3 if kind == "classwise" else 1, 4)
    boxes = moved(proposals.boxes, outputs.deltas, proposals.size)
    expected, _, _ = select(boxes, outputs.scores.mean(axis=0), 0.1)
    found = detector.detect(IMAGE, proposals)
    assert len(found) > 5
    np.testing.assert_allclose(found.boxes, expected, atol=1e-3)
    rest = RegionScorer([moving_network(0, kind)], precision="float32", regression=False)
    still = rest.detect(IMAGE, proposals)
    assert {tuple(box) for box in still.boxes.tolist()} <= {
        tuple(box) for box in proposals.boxes.tolist()
    }


def test_deltas_are_those_of_the_network_in_the_order_of_the_first_ones_classes() -> None:
    model, card = moving_network(0, "classwise")
    turned, order = copy.deepcopy(model), [2, 0, 1]
    assert turned.regression is not None
    assert model.regression is not None
    with torch.no_grad():
        for name in ("weight", "bias"):
            last = getattr(turned.network.fc, name)
            last.copy_(getattr(model.network.fc, name)[[*order, 3]])
            own = getattr(turned.regression.fc, name).unflatten(0, (3, 4))
            own.copy_(getattr(model.regression.fc, name).unflatten(0, (3, 4))[order])
    other = dataclasses.replace(card, classes=tuple(card.classes[place] for place in order))
    both = RegionScorer([(model, card), (turned, other)], precision="float32")
    outputs = both.outputs(IMAGE, regions().boxes)
    assert outputs.deltas is not None
    assert outputs.deltas.std() > 0.02
    np.testing.assert_allclose(outputs.deltas[1], outputs.deltas[0], atol=1e-5)
    np.testing.assert_allclose(outputs.scores[1], outputs.scores[0], atol=1e-5)


def test_wild_networks_move_no_box_beyond_bounds() -> None:
    model, card = moving_network(0)
    assert model.regression is not None
    model.regression.set_statistics(torch.zeros(4), torch.full((4,), 1e9))
    outputs = RegionScorer([(model, card)], precision="float32").outputs(IMAGE, regions().boxes)
    assert outputs.deltas is not None
    assert np.abs(outputs.deltas).max() == pytest.approx(np.log(1000 / 16))
    boxes = outputs.moved(regions())
    assert np.isfinite(boxes).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_a_network_that_moves_none_scores_as_ever() -> None:
    outputs = RegionScorer([network(0)], precision="float32").outputs(IMAGE, regions().boxes)
    assert outputs.deltas is None
    moving = RegionScorer([moving_network(0)], precision="float32")
    found = moving.outputs(IMAGE, regions().boxes).scores
    np.testing.assert_allclose(found, outputs.scores, atol=1e-6)
