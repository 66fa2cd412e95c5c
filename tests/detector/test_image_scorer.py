"""Softmax of networks on the crops of images: order, batches, columns, refusals."""

import numpy as np
import pytest
import torch
from builders import texture

from detect.crops.multicrop import cut, members
from detect.detector.image_scorer import ImageScorer
from detect.errors import DataError, DetectError, EnvironmentProblem
from detect.models.cards import ImageClassifierCard
from detect.models.image_classifier import ImageClassifier
from detect.structures import Image

CPU = torch.device("cpu")
Pair = tuple[ImageClassifier, ImageClassifierCard]


def network(seed: int, classes: tuple[str, ...] = ("a", "b", "c"), side: int = 32) -> Pair:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ImageClassifier(len(classes), "bn", 0.25).train()
        with torch.no_grad():  # Without running means of its own every crop scores the same.
            model.network.fc.weight.mul_(30)
            for _ in range(10):
                model(torch.rand(16, 3, side, side) * 255)
    mean, std = model.normalisation
    card = ImageClassifierCard(
        variant="bn",
        width=0.25,
        input_size=side,
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
        classes=classes,
    )
    return model.eval(), card


def scorer(*models: Pair, **options: object) -> ImageScorer:
    return ImageScorer(models, CPU, precision="float32", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def images() -> list[Image]:
    rng = np.random.default_rng(0)
    return [texture(rng, size) for size in ((40, 60), (80, 50), (33, 33))]


def test_the_softmax_of_every_crop(images: list[Image]) -> None:
    model, card = network(0)
    for image, found in zip(images, scorer((model, card), crops=10).stream(images), strict=True):
        crops = torch.from_numpy(cut(image, 32, 10)).permute(0, 3, 1, 2)
        with torch.no_grad():
            expected = model(crops).softmax(dim=1).numpy()
        assert found.shape == (1, 10, 3)
        np.testing.assert_allclose(found[0], expected, atol=1e-5)
        assert np.ptp(found[0], axis=0).max() > 0.01  # crops differ


@pytest.mark.parametrize("batch_size", [1, 4, 25])
def test_batches_do_not_matter(images: list[Image], batch_size: int) -> None:
    pair = network(0)
    whole = list(scorer(pair, crops=10, batch_size=1000).stream(images))
    parts = list(scorer(pair, crops=10, batch_size=batch_size).stream(images))
    np.testing.assert_allclose(np.stack(parts), np.stack(whole), atol=1e-5)


def test_one_crop_is_among_144(images: list[Image]) -> None:
    pair = network(0)
    one = np.stack(list(scorer(pair).stream(images)))
    every = np.stack(list(scorer(pair, crops=144).stream(images)))
    np.testing.assert_allclose(one[:, :, 0], every[:, :, members(1)[0]], atol=1e-5)


def test_networks_of_other_sizes_and_orders_of_classes(images: list[Image]) -> None:
    first, second = network(0), network(1, ("c", "a", "b"), 48)
    both = scorer(first, second, crops=10)
    assert both.classes == ("a", "b", "c")
    found = np.stack(list(both.stream(images)))
    alone = np.stack(list(scorer(second, crops=10).stream(images)))
    np.testing.assert_allclose(found[:, 1], alone[:, 0][..., [1, 2, 0]], atol=1e-5)


class _Greedy(ImageClassifier):
    """A network that fits `most` crops into a CPU's memory."""

    most = 4

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes.")
        return super().forward(images)


def test_batches_are_halved_until_they_fit(images: list[Image]) -> None:
    model, card = network(0)
    expected = np.stack(list(scorer((model, card), crops=10).stream(images)))
    model.__class__ = _Greedy
    found = np.stack(list(scorer((model, card), crops=10, batch_size=25).stream(images)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_memory_for_not_even_one_crop_says_what_to_do(
    images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, card = network(0)
    model.__class__ = _Greedy
    monkeypatch.setattr(_Greedy, "most", 0)
    with pytest.raises(EnvironmentProblem, match=r"on cpu with one crop at a time\. Close"):
        list(scorer((model, card)).stream(images))


def test_no_image_no_scores() -> None:
    assert list(scorer(network(0)).stream([])) == []


def test_models_of_other_classes_are_refused() -> None:
    with pytest.raises(DataError, match="only one of model 1 and model 2 knows c, d"):
        scorer(network(0), network(1, ("a", "b", "d")))
    with pytest.raises(ValueError, match="expected at least one"):
        scorer()


def test_scores_that_are_not_finite_are_an_error(images: list[Image]) -> None:
    model, card = network(0)
    with torch.no_grad():
        model.network.fc.bias[0] = float("nan")
    with pytest.raises(DetectError, match="model 1 gives scores that are not finite"):
        list(scorer((model, card)).stream(images))
