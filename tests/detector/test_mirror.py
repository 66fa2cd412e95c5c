"""Scores averaged with those of the mirrored crop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import scene
from networks import moving_network, network

from detect.crops import opencv
from detect.crops.geometry import windows
from detect.detector import RegionScorer
from detect.detector.batches import Packing
from detect.detector.cutting import by_opencv, by_torch
from detect.detector.scoring import mirrored, softmax, svm_scores
from detect.models.svm import LinearSvms
from detect.structures import FloatArray, Image, Proposals

CPU = torch.device("cpu")
# As on a CPU, and as on a GPU.
PACKINGS = [Packing(by_opencv(CPU)), Packing(by_torch(CPU), across=True)]


def regions(seed: int, count: int = 30) -> tuple[Image, Proposals]:
    """Return an image and boxes of whole pixels in it."""
    generator = np.random.default_rng(seed)
    image, _, _ = scene(generator)
    height, width = image.shape[:2]
    corners = generator.integers(0, [width - 20, height - 20], (count, 2))
    far = np.minimum(corners + generator.integers(8, 60, (count, 2)), [width, height])
    boxes = np.concatenate([corners, far], 1).astype(np.float32)
    scores, sources = np.ones(count), np.full(count, "test")
    return image, Proposals(f"{seed}", (height, width), boxes, scores, sources)


def turned(boxes: FloatArray, width: int) -> FloatArray:
    """`boxes` (N, 4) -> where they are in the mirrored image."""
    return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)


def test_the_scores_are_means_of_a_crop_and_the_crop_mirrored() -> None:
    model, card = network()
    image, proposals = regions(0)
    size = (image.shape[0], image.shape[1])
    shown = windows(proposals.boxes, size, card.input_size, card.context, "warp")
    crops = opencv.crop(image, shown, card.input_size, card.mean).astype(np.float32)
    with torch.no_grad():
        one, other = (
            model(torch.from_numpy(np.ascontiguousarray(each.transpose(0, 3, 1, 2)))).softmax(1)
            for each in (crops, crops[:, :, ::-1])
        )
    assert (one - other).abs().max() > 0.1
    scorer = RegionScorer([(model, card)], precision="float32", score=mirrored(softmax))
    found = scorer.outputs(image, proposals.boxes).scores
    np.testing.assert_allclose(found[0], (one + other).numpy() / 2, atol=2e-4)


# Without context a window is the box itself: nothing is rounded to one side.
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("kind", ["agnostic", "classwise"])
def test_a_mirrored_image_has_mirrored_detections(packing: Packing, kind: str) -> None:
    networks = [moving_network(0, kind, context=0.0), moving_network(1, kind, context=0.0)]
    image, proposals = regions(1)
    width = image.shape[1]
    other = np.ascontiguousarray(image[:, ::-1])
    told = {"precision": "float32", "packing": packing}
    scorer = RegionScorer(networks, score=mirrored(softmax), **told)
    beside = replace(proposals, boxes=turned(proposals.boxes, width))
    found, expected = scorer.detect(other, beside), scorer.detect(image, proposals)
    assert len(expected) > 5
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(turned(found.boxes, width), expected.boxes, atol=0.5)
    np.testing.assert_allclose(found.scores, expected.scores, atol=0.01)
    plain = RegionScorer(networks, **told)
    one, two = plain.outputs(other, beside.boxes), plain.outputs(image, proposals.boxes)
    assert np.abs(one.scores - two.scores).max() > 0.1
    moved = turned(one.moved(beside).reshape(-1, 4), width) - two.moved(proposals).reshape(-1, 4)
    assert np.abs(moved).max() > 2


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_stream_gives_what_single_images_give(packing: Packing) -> None:
    networks = [moving_network(0), moving_network(1, input_size=40)]
    told = {"precision": "float32", "packing": packing, "score": mirrored(softmax)}
    scorer = RegionScorer(networks, batch_size=16, **told)
    pairs = [regions(seed, 4 + 8 * seed) for seed in range(4)]
    for (image, proposals), (_, _, outputs) in zip(pairs, scorer.scored(pairs), strict=True):
        alone = scorer.outputs(image, proposals.boxes)
        np.testing.assert_allclose(outputs.scores, alone.scores, atol=1e-5)
        np.testing.assert_allclose(outputs.deltas, alone.deltas, atol=1e-5)


def test_svms_score_the_mean_of_the_features() -> None:
    model, _ = network()
    crops = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    weights = np.random.default_rng(1).normal(size=(model.network.fc.in_features, 3))
    none = np.zeros(3, np.int64)
    svms = LinearSvms(0.5, weights, np.array([0.5, 0.0, -0.5]), none, none)
    with torch.no_grad():
        features = (model.pooled(crops) + model.pooled(crops.flip(3))) / 2
        found = mirrored(svm_scores(svms))(model, crops)
    np.testing.assert_allclose(found[:, :-1], svms.scores(features.numpy()), atol=1e-4)
