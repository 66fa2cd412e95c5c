"""The detector against the same steps written out one crop at a time."""

import dataclasses
import weakref

import numpy as np
import pytest
import torch
from builders import CLASSES, scene
from networks import CARD, network

from detect.crops import opencv
from detect.crops.geometry import windows
from detect.detector import RegionScorer
from detect.detector.batches import Packing
from detect.detector.classes import shared_classes
from detect.detector.cutting import by_torch
from detect.detector.outputs import RegionOutputs
from detect.detector.regions import Regions, SharedCrops
from detect.ensemble import Combination, average, select
from detect.errors import DataError, DetectError, EnvironmentProblem
from detect.images import shrink
from detect.models.region_classifier import RegionClassifier
from detect.structures import Proposals


def _image_with_proposals(seed=0, count=30, image_id="one"):
    generator = np.random.default_rng(seed)
    image, _, _ = scene(generator)
    height, width = image.shape[:2]
    corner = generator.uniform(0, [width - 8, height - 8], (count, 2))
    far = corner + generator.uniform(4, 60, (count, 2))
    boxes = np.concatenate([corner, np.minimum(far, [width, height])], axis=1)
    scores = np.linspace(1, 0, count)
    proposals = Proposals(image_id, (height, width), boxes, scores, np.full(count, "test"))
    return image, proposals


def _image_with_boxes(count):
    image, proposals = _image_with_proposals(count=count)
    return image, proposals.boxes


def _batches(detector, image, boxes):
    items = detector._packed([Regions(image, boxes, None)])
    return [item for item in items if isinstance(item, SharedCrops)]


def _one_crop_at_a_time(model, card, image, boxes):
    """Softmax (N, C+1) as naive code computes it."""
    shown, factor = shrink(image, card.image_side) if card.image_side else (image, 1.0)
    rows = []
    for box in boxes:
        window = windows(
            box[None] * np.float32(factor), shown.shape[:2], card.input_size, card.context,
            card.crop_mode,
        )  # fmt: skip
        crop = opencv.crop(shown, window, card.input_size, card.mean)
        tensor = torch.from_numpy(crop.transpose(0, 3, 1, 2).astype(np.float32))
        with torch.no_grad():
            rows.append(model(tensor).softmax(dim=1).numpy()[0])
    return np.stack(rows)


@pytest.mark.parametrize(
    "changes", [{}, {"crop_mode": "square"}, {"image_side": 50}, {"context": 0.0}]
)
@pytest.mark.parametrize("batch_size", [None, 7])
def test_probabilities_are_those_of_one_crop_at_a_time(changes, batch_size):
    model, card = network(0, **changes)
    image, proposals = _image_with_proposals()
    detector = RegionScorer([(model, card)], batch_size=batch_size, precision="float32")
    found = detector.outputs(image, proposals.boxes).scores
    expected = _one_crop_at_a_time(model, card, image, proposals.boxes)
    assert expected.std(axis=0).min() > 0.01
    np.testing.assert_allclose(found, expected[None], atol=2e-4)


def test_networks_with_the_same_and_with_other_crops_keep_their_places():
    networks = [network(0), network(1, input_size=40), network(2)]
    image, proposals = _image_with_proposals()
    found = RegionScorer(networks, precision="float32").outputs(image, proposals.boxes).scores
    for values, one in zip(found, networks, strict=True):
        expected = _one_crop_at_a_time(*one, image, proposals.boxes)
        np.testing.assert_allclose(values, expected, atol=2e-4)


def test_detections_are_the_average_thresholded_and_suppressed():
    networks = [network(0), network(1)]
    image, proposals = _image_with_proposals()
    limits = Combination(threshold=0.2, nms=0.4, per_class=3)
    detector = RegionScorer(networks, precision="float32", combination=limits)
    found = detector.detect(image, proposals)
    probabilities = detector.outputs(image, proposals.boxes).scores
    boxes, labels, scores = select(proposals.boxes, average(probabilities), 0.2, 0.4, 3)
    assert len(boxes) > 0
    assert found.image_id == "one"
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.scores, scores)


# Of many boxes the cap of a class is reached, of few the threshold.
@pytest.mark.parametrize("count", [800, 30])
def test_limits_not_given_are_those_of_selection(count):
    _, proposals = _image_with_proposals(count=count)
    scores = np.random.default_rng(0).dirichlet(np.ones(4), (1, count)).astype(np.float32)
    proposals = dataclasses.replace(proposals, boxes=proposals.boxes * 0.1)
    found = RegionScorer([network(0)]).selected(proposals, RegionOutputs(scores))
    boxes, labels, kept = select(proposals.boxes, scores[0])
    assert (np.bincount(labels).max() == 100) == (count == 800)
    assert (kept.min() < 0.05) == (count == 30)
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.scores, kept)


def test_models_are_matched_by_name_and_not_by_position():
    model, card = network(0)
    turned = dataclasses.replace(card, classes=card.classes[1:] + card.classes[:1])
    image, proposals = _image_with_proposals()
    plain = RegionScorer([(model, card)], precision="float32")
    both = RegionScorer([(model, card), (model, turned)], precision="float32")
    assert both.model_classes == card.classes
    first, second = both.outputs(image, proposals.boxes).scores
    np.testing.assert_array_equal(first, plain.outputs(image, proposals.boxes).scores[0])
    # The first class is its third column, the second its first, the third its second.
    np.testing.assert_array_equal(second, first[:, [2, 0, 1, 3]])


def test_labels_follow_the_classes_asked_for():
    one = network(0)
    image, proposals = _image_with_proposals()
    plain = RegionScorer([one]).detect(image, proposals)
    order = ("triangle", "unheard of", "circle", "square")
    other = RegionScorer([one], classes=order).detect(image, proposals)
    assert len(set(plain.labels)) > 1
    assert [order[label] for label in other.labels] == [CLASSES[label] for label in plain.labels]


def test_equal_crops_are_computed_once():
    image, proposals = _image_with_proposals(count=12)
    twice = np.concatenate([proposals.boxes, proposals.boxes + np.float32(0.001)])
    detector = RegionScorer([network(0)], precision="float32", batch_size=8)
    batches = _batches(detector, image, twice)
    assert sum(batch.count for batch in batches) < 15
    found = detector.outputs(image, twice).scores[0]
    np.testing.assert_allclose(
        found[:12], detector.outputs(image, proposals.boxes).scores[0], atol=1e-5
    )


def test_a_stream_of_many_images_has_few_sizes_of_batches():
    detector = RegionScorer([network(0)], batch_size=32)
    sizes = {
        batch.count
        for count in range(1, 60)
        for batch in _batches(detector, *_image_with_boxes(count))
    }
    assert sizes == set(range(2, 33, 2))


def test_stream_gives_what_detect_gives_in_order():
    detector = RegionScorer([network(0), network(1, input_size=40)], batch_size=11)
    pairs = [_image_with_proposals(seed, 5 * seed, f"image {seed}") for seed in range(5)]
    streamed = list(detector.stream(iter(pairs)))
    assert [found.image_id for _, found in streamed] == [f"image {seed}" for seed in range(5)]
    for (image, proposals), (returned, found) in zip(pairs, streamed, strict=True):
        assert returned is image
        expected = detector.detect(image, proposals)
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)


def test_an_image_without_proposals_has_no_detections():
    image, proposals = _image_with_proposals()
    detector = RegionScorer([network(0)])
    assert len(detector.detect(image, proposals.take(slice(0, 0)))) == 0
    assert detector.outputs(image, np.zeros((0, 4), np.float32)).scores.shape == (1, 0, 4)


def test_stream_holds_a_few_images_whatever_their_number():
    made, gone, most = [], [], 0

    def pairs():
        for seed in range(20):
            image, proposals = _image_with_proposals(seed, 5)
            made.append(seed)
            weakref.finalize(image, gone.append, seed)
            yield image, proposals

    for _ in RegionScorer([network(0)]).stream(pairs()):
        most = max(most, len(made) - len(gone))
    assert 0 < most <= 6


def test_errors_of_the_images_reach_the_reader_after_the_images_before():
    def pairs():
        yield _image_with_proposals()
        raise DataError("the second image is broken")

    stream = RegionScorer([network(0)]).stream(pairs())
    assert next(stream)[1].image_id == "one"
    with pytest.raises(DataError, match="the second image is broken"):
        next(stream)


def test_proposals_of_another_size_are_refused():
    image, proposals = _image_with_proposals()
    with pytest.raises(DataError, match=r"one: the image has .*\(90, 128\).* made on \(96, 128\)"):
        RegionScorer([network(0)]).detect(image[:90], proposals)


def test_the_models_given_are_left_as_they_were():
    model, card = network(0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    image, proposals = _image_with_proposals()
    RegionScorer([(model, card)]).detect(image, proposals)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_bfloat16_is_close_to_float32():
    one = network(0)
    image, proposals = _image_with_proposals()
    found = RegionScorer([one], precision="bfloat16").outputs(image, proposals.boxes).scores
    expected = RegionScorer([one], precision="float32").outputs(image, proposals.boxes).scores
    assert not np.array_equal(found, expected)
    assert np.abs(found - expected).mean() < 0.05


class _Greedy(RegionClassifier):
    """A network that fits `most` crops into memory."""

    most = 4

    def forward(self, crops):
        if len(crops) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return super().forward(crops)


def test_batches_are_halved_until_they_fit_and_stay_so():
    model, card = network(0)
    image, proposals = _image_with_proposals()
    expected = RegionScorer([(model, card)], precision="float32").detect(image, proposals)
    model.__class__ = _Greedy
    detector = RegionScorer([(model, card)], precision="float32", batch_size=24)
    found = detector.detect(image, proposals)
    np.testing.assert_allclose(found.scores, expected.scores, atol=2e-4)
    assert {batch.count for batch in _batches(detector, image, proposals.boxes[:9])} == {3}


def test_memory_for_not_even_one_crop_says_what_to_do(monkeypatch):
    model, card = network(0)
    model.__class__ = _Greedy
    monkeypatch.setattr(_Greedy, "most", 0)
    with pytest.raises(EnvironmentProblem, match=r"on cpu with one crop at a time\. Close"):
        RegionScorer([(model, card)]).detect(*_image_with_proposals())


def test_values_that_are_not_finite_are_an_error():
    model, card = network(0)
    with torch.no_grad():
        model.network.fc.bias[0] = float("nan")
    with pytest.raises(DetectError, match="values that are not finite"):
        RegionScorer([(model, card)]).detect(*_image_with_proposals())


def test_models_of_other_classes_are_not_averaged():
    other = dataclasses.replace(CARD, classes=("circle", "square", "hexagon"))
    with pytest.raises(DataError, match="only one of model 1 and model 3 knows hexagon, triangle"):
        shared_classes([CARD.classes, CARD.classes, other.classes])


def test_a_class_the_data_set_lacks_is_an_error_with_both_named():
    with pytest.raises(DataError, match=r"does not have: circle, triangle\..* has square, disc\."):
        RegionScorer([network(0)], classes=("square", "disc"))


def test_no_model_is_a_callers_mistake():
    with pytest.raises(ValueError, match="expected at least one"):
        RegionScorer([])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_what_the_cpu_gives():
    networks = [network(0), network(1)]
    image, proposals = _image_with_proposals()
    # Cut by torch there too: OpenCV's whole levels alone move scores of this network by 0.03.
    packing = Packing(by_torch(torch.device("cpu")))
    cpu = RegionScorer(networks, precision="float32", packing=packing)
    gpu = RegionScorer(networks, torch.device("cuda:0"), precision="float32")
    found, expected = (one.outputs(image, proposals.boxes).scores for one in (gpu, cpu))
    np.testing.assert_allclose(found, expected, atol=1e-4)
