"""Moving detections: the features are the network's own, boxes go where the regression says."""

import numpy as np
import pytest
import torch
from builders import scene
from networks import network

from detect.detector import RegionScorer
from detect.detector.refine import RegionEncoder, refine
from detect.models.box_regression import BoxRegression
from detect.structures import Detections, FloatArray, Image

IMAGE: Image = scene(np.random.default_rng(0))[0]
BOXES: FloatArray = np.array(
    [[10, 10, 50, 50], [60, 20, 100, 60], [0, 0, 128, 96], [10, 10, 50, 50]], np.float32
)


@pytest.fixture(scope="module")
def encoder() -> RegionEncoder:
    return RegionEncoder(*network(), torch.device("cpu"), "float32")


def shift(encoder: RegionEncoder, *shifts: float) -> BoxRegression:
    """Return a regression that moves class c's boxes to the right by shifts[c] of their width."""
    weights = np.zeros((len(shifts), encoder.dimensions + 1, 4))
    weights[:, -1, 0] = shifts
    return BoxRegression(1.0, weights, np.ones(len(shifts), np.int64))


def found(boxes: FloatArray, labels: list[int], scores: list[float]) -> Detections:
    return Detections("a", boxes, np.array(labels), np.array(scores))


ROWS = np.arange(3)


def test_the_last_layer_on_the_features_gives_the_networks_scores(encoder: RegionEncoder) -> None:
    model, card = network()
    features = encoder.features(IMAGE, BOXES)
    assert features.shape == (4, encoder.dimensions)
    last = model.network.fc
    logits = torch.from_numpy(features) @ last.weight.T + last.bias
    expected = RegionScorer([(model, card)], precision="float32").outputs(IMAGE, BOXES).scores[0]
    np.testing.assert_allclose(logits.softmax(1).detach().numpy(), expected, atol=1e-4)
    assert encoder.features(IMAGE, BOXES[:0]).shape == (0, encoder.dimensions)


def test_every_class_is_moved_by_its_own_regression(encoder: RegionEncoder) -> None:
    before = found(BOXES[:2], [1, 0], [0.9, 0.5])
    after = refine(IMAGE, before, encoder, shift(encoder, 0.1, -0.2, 0), ROWS)
    np.testing.assert_allclose(after.boxes, [[2, 10, 42, 50], [64, 20, 104, 60]])
    assert (after.labels.tolist(), after.scores.tolist()) == ([1, 0], [0.9, 0.5])
    np.testing.assert_array_equal(before.boxes, BOXES[:2])


def test_labels_are_looked_up_and_unknown_ones_stay(encoder: RegionEncoder) -> None:
    before = found(BOXES[:2], [0, 1], [0.9, 0.5])
    after = refine(IMAGE, before, encoder, shift(encoder, 0.1, 0.2), np.array([1, -1]))
    np.testing.assert_allclose(after.boxes, [[18, 10, 58, 50], [60, 20, 100, 60]])


def test_boxes_are_cut_to_the_image_and_stay_where_nothing_would_be_left(
    encoder: RegionEncoder,
) -> None:
    before = found(BOXES[:2], [0, 1], [0.9, 0.5])
    after = refine(IMAGE, before, encoder, shift(encoder, 2.0, 5.0, 0), ROWS)
    np.testing.assert_allclose(after.boxes, [[90, 10, 128, 50], [60, 20, 100, 60]])


def test_of_boxes_moved_onto_each_other_the_better_one_stays(encoder: RegionEncoder) -> None:
    boxes = np.array([[10, 10, 50, 50], [50, 10, 90, 50], [50, 10, 90, 50]], np.float32)
    before = found(boxes, [0, 0, 1], [0.4, 0.9, 0.3])
    scaled = shift(encoder, 0.0, 0.0, 0.0)
    scaled.weights[0, -1, 2] = np.log(4)  # class 0: four times as wide
    after = refine(IMAGE, before, encoder, scaled, ROWS, nms=0.3)
    assert after.scores.tolist() == [0.9, 0.3]
    np.testing.assert_allclose(after.boxes[0], [0, 10, 128, 50], atol=1e-4)
    loose = refine(IMAGE, before, encoder, scaled, ROWS, nms=1.0)
    assert loose.scores.tolist() == [0.9, 0.4, 0.3]


def test_boxes_left_where_they_are_are_cut_down_above_an_iou_of_three_tenths(
    encoder: RegionEncoder,
) -> None:
    # IoU with the first: 20/60 and 16/64.
    boxes = np.array([[10, 10, 50, 50], [30, 10, 70, 50], [34, 10, 74, 50]], np.float32)
    before = found(boxes, [0, 0, 0], [0.9, 0.8, 0.7])
    after = refine(IMAGE, before, encoder, shift(encoder, 0.0), np.array([0]))
    assert after.scores.tolist() == [0.9, 0.7]


def test_no_detection_stays_none(encoder: RegionEncoder) -> None:
    nothing = found(BOXES[:0], [], [])
    assert len(refine(IMAGE, nothing, encoder, shift(encoder, 1.0), np.array([0]))) == 0
