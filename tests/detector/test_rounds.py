"""Several rounds of cropping, scoring and moving, against the same steps one after the other."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import scene
from networks import moving_network, network

from detect.detector import RegionScorer
from detect.detector.batches import Packing
from detect.detector.cutting import by_opencv, by_torch
from detect.detector.scoring import mirrored, softmax
from detect.ensemble import Combination
from detect.ensemble.rounds import Rounds
from detect.errors import DataError
from detect.structures import Image, Proposals

CPU = torch.device("cpu")
# As on a CPU, and as on a GPU.
PACKINGS = [Packing(by_opencv(CPU)), Packing(by_torch(CPU), across=True)]
EXACT = {"precision": "float32", "combination": Combination(vote=0.5)}


def regions(seed: int, count: int = 30) -> tuple[Image, Proposals]:
    """Return an image and boxes in it."""
    generator = np.random.default_rng(seed)
    image, _, _ = scene(generator)
    height, width = image.shape[:2]
    corners = generator.uniform(0, [width - 20, height - 20], (count, 2))
    far = np.minimum(corners + generator.uniform(8, 60, (count, 2)), [width, height])
    boxes = np.concatenate([corners, far], 1).astype(np.float32)
    scores, sources = np.ones(count), np.full(count, "test")
    return image, Proposals(f"{seed}", (height, width), boxes, scores, sources)


@pytest.mark.parametrize("kind", ["agnostic", "classwise"])
def test_all_rounds_are_selected_from(kind: str) -> None:
    networks = [moving_network(0, kind), moving_network(1, kind)]
    image, proposals = regions(0)
    once = RegionScorer(networks, **EXACT)
    every, boxes, outputs = [], proposals.boxes, once.outputs(image, proposals.boxes)
    for _ in range(3):
        moved = outputs.moved(replace_boxes(proposals, boxes))
        every.append((moved, outputs.scores))
        mean = outputs.scores.mean(axis=0)[:, :-1]
        own = moved if kind == "agnostic" else moved[range(len(boxes)), mean.argmax(axis=1)]
        elsewhere = np.flatnonzero((own != boxes).any(axis=1))
        best = elsewhere[np.argsort(-mean[elsewhere].max(axis=1), kind="stable")[:7]]
        boxes = own[best]
        outputs = once.outputs(image, boxes)
    expected = Combination(vote=0.5).select(
        np.concatenate([moved for moved, _ in every]),
        np.concatenate([scores for _, scores in every], 1),
    )
    scorer = RegionScorer(networks, rounds=Rounds(3, 7), **EXACT)
    found = scorer.detect(image, proposals)
    np.testing.assert_allclose(found.boxes, expected[0], atol=1e-3)
    np.testing.assert_array_equal(found.labels, expected[1])
    np.testing.assert_allclose(found.scores, expected[2], atol=1e-5)
    assert len(found) != len(once.detect(image, proposals)) or not np.allclose(
        found.boxes, once.detect(image, proposals).boxes, atol=0.5
    )


def replace_boxes(proposals: Proposals, boxes: np.ndarray) -> Proposals:
    count = len(boxes)
    return replace(proposals, boxes=boxes, scores=np.ones(count), sources=np.full(count, "again"))


def test_later_rounds_are_regions_of_their_own() -> None:
    image, proposals = regions(1)
    scorer = RegionScorer([moving_network()], rounds=Rounds(3, 4), **EXACT)
    found = scorer.localised(image, proposals)
    sources = ["test"] * 30 + ["round 2"] * 4 + ["round 3"] * 4
    assert found.proposals.sources.tolist() == sources
    np.testing.assert_array_equal(found.proposals.boxes[:30], proposals.boxes)
    assert found.proposals.size == proposals.size
    assert found.outputs.scores.shape == (1, 38, 4)
    alone = scorer.outputs(image, found.proposals.boxes[30:])
    np.testing.assert_allclose(alone.scores, found.outputs.scores[:, 30:], atol=1e-5)
    np.testing.assert_allclose(alone.deltas, found.outputs.deltas[:, 30:], atol=1e-5)
    np.testing.assert_allclose(
        found.proposals.scores[30:], found.outputs.scores[0, 30:, :-1].max(axis=1)
    )


def test_one_round_is_none_to_the_digit_and_where_nothing_moves_all_are() -> None:
    image, proposals = regions(2)
    still, card = moving_network()
    with torch.no_grad():
        still.regression.fc.weight.zero_()
        still.regression.mean.zero_()
    for networks, rounds in (([moving_network()], Rounds(1, 9)), ([(still, card)], Rounds(3, 9))):
        found = RegionScorer(networks, rounds=rounds, **EXACT).detect(image, proposals)
        expected = RegionScorer(networks, **EXACT).detect(image, proposals)
        assert len(expected) > 5
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_stream_gives_what_single_images_give(packing: Packing) -> None:
    networks = [moving_network(0), moving_network(1, input_size=40)]
    told = {**EXACT, "packing": packing, "score": mirrored(softmax), "rounds": Rounds(3, 6)}
    scorer = RegionScorer(networks, batch_size=16, **told)
    pairs = [regions(seed, 9 * seed) for seed in range(5)]
    streamed = list(scorer.detected(iter(pairs)))
    assert len(streamed) == 5
    for (image, proposals), (shown, every, outputs, found) in zip(pairs, streamed, strict=True):
        alone = scorer.localised(image, proposals)
        assert shown is image
        assert len(every) == len(alone.proposals) == len(proposals) + 2 * min(6, len(proposals))
        np.testing.assert_allclose(every.boxes, alone.proposals.boxes, atol=1e-3)
        np.testing.assert_allclose(outputs.scores, alone.outputs.scores, atol=1e-4)
        expected = scorer.detect(image, proposals)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-2)


def test_the_order_of_the_proposals_does_not_matter() -> None:
    image, proposals = regions(3)
    scorer = RegionScorer([moving_network()], rounds=Rounds(2, 5), **EXACT)
    turned = scorer.detect(image, proposals.take(np.random.default_rng(0).permutation(30)))
    expected = scorer.detect(image, proposals)
    np.testing.assert_array_equal(turned.labels, expected.labels)
    np.testing.assert_allclose(turned.boxes, expected.boxes, atol=1e-3)


def test_networks_that_move_no_boxes_have_one_round() -> None:
    for models, told in (([network()], {}), ([moving_network()], {"regression": False})):
        with pytest.raises(DataError, match=r"^rounds=2: the models move no boxes"):
            RegionScorer(models, rounds=Rounds(2, 5), **told)
