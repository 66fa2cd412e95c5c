"""SVMs in place of the softmax: on the same features, selected in the same way."""

import numpy as np
import pytest
import torch
from builders import scene
from networks import network

from detect.detector import RegionScorer
from detect.detector.refine import RegionEncoder
from detect.detector.scoring import svm_scores
from detect.ensemble import Combination, select
from detect.models.svm import LinearSvms
from detect.structures import FloatArray, Image, Proposals

IMAGE: Image = scene(np.random.default_rng(0))[0]
CORNERS = np.random.default_rng(1).uniform(0, [90, 60], (30, 2))
BOXES: FloatArray = np.concatenate([CORNERS, CORNERS + 30], axis=1).astype(np.float32)


def svms_of(weights: np.ndarray, biases: np.ndarray, scale: float = 1.0) -> LinearSvms:
    none = np.zeros(len(biases), np.int64)
    return LinearSvms(scale, weights.astype(np.float64), biases.astype(np.float64), none, none)


def test_svms_with_the_weights_of_the_last_layer_give_its_logits() -> None:
    model, card = network()
    last = model.network.fc
    weights, biases = last.weight.detach().numpy()[:-1].T, last.bias.detach().numpy()[:-1]
    score = svm_scores(svms_of(weights * 4, biases, scale=0.25))
    found = (
        RegionScorer([(model, card)], precision="float32", score=score).outputs(IMAGE, BOXES).scores
    )
    plain = RegionScorer([(model, card)], precision="float32", score=lambda one, crops: one(crops))
    assert found.shape == (1, 30, 4)
    np.testing.assert_allclose(
        found[..., :-1], plain.outputs(IMAGE, BOXES).scores[..., :-1], atol=1e-3
    )
    np.testing.assert_array_equal(found[..., -1], 0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_features_are_those_the_svms_are_fitted_to(precision: str) -> None:
    model, card = network()
    encoder = RegionEncoder(model, card, torch.device("cpu"), precision, batch_size=7)
    weights = np.random.default_rng(2).normal(size=(encoder.dimensions, 3))
    svms = svms_of(weights, np.array([0.5, 0, -0.5]))
    detector = RegionScorer(
        [(model, card)], precision=precision, score=svm_scores(svms), batch_size=7,
        combination=Combination(threshold=-1.0),
    )  # fmt: skip
    expected = svms.scores(encoder.features(IMAGE, BOXES)).astype(np.float32)
    found = detector.outputs(IMAGE, BOXES).scores[0, :, :-1]
    np.testing.assert_array_equal(found, expected)
    assert expected.min() < -1
    size = (IMAGE.shape[0], IMAGE.shape[1])
    proposals = Proposals("a", size, BOXES, np.ones(30), np.full(30, "test"))
    kept = detector.detect(IMAGE, proposals)
    boxes, labels, scores = select(BOXES, np.pad(expected, ((0, 0), (0, 1))), -1.0, 0.3, 100)
    np.testing.assert_array_equal(kept.boxes, boxes)
    np.testing.assert_array_equal(kept.labels, labels)
    np.testing.assert_array_equal(kept.scores, scores)
    assert -1 <= kept.scores.min() < 0
