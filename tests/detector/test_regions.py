"""Batches of several images against batches of one, with either way to cut."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from builders import scene
from networks import network
from torch import Tensor

from detect.detector import RegionScorer
from detect.detector import batches as batches_module
from detect.detector.batches import CropSettings, Packing, packed
from detect.detector.cutting import by_opencv, by_torch
from detect.detector.regions import Regions, SharedCrops, in_order
from detect.models.region_classifier import RegionClassifier
from detect.structures import FloatArray, Image, Proposals

CPU = torch.device("cpu")
COUNTS = (1, 3, 0, 40, 7, 16)
TOGETHER = Packing(by_torch(CPU), across=True, full=True)


def pair(seed: int, count: int) -> tuple[Image, Proposals]:
    """Return an image and `count` boxes in it."""
    generator = np.random.default_rng(seed)
    image, _, _ = scene(generator)
    height, width = image.shape[:2]
    corner = generator.uniform(0, [width - 8, height - 8], (count, 2))
    far = np.minimum(corner + generator.uniform(4, 60, (count, 2)), [width, height])
    boxes, scores = np.concatenate([corner, far], axis=1), np.ones(count)
    size = (height, width)
    return image, Proposals(str(seed), size, boxes, scores, np.full(count, "test"))


def scored(packing: Packing, *models: Any, batch_size: int = 16) -> list[FloatArray]:
    """Return the scores of an image with each of COUNTS boxes."""
    detector = RegionScorer(
        models or [network(0)], precision="float32", batch_size=batch_size, packing=packing
    )
    found = list(detector.scored(pair(seed, count) for seed, count in enumerate(COUNTS)))
    assert [proposals.image_id for _, proposals, _ in found] == ["0", "1", "2", "3", "4", "5"]
    return [outputs.scores for _, _, outputs in found]


def counts(packing: Packing, size: int) -> list[int]:
    """Return the crops in each batch of the images."""
    settings = CropSettings.of(network(0)[1])
    images = (Regions(image, one.boxes, None) for image, one in map(pair, range(6), COUNTS))
    items = packed(images, {settings: (0,)}, packing, lambda _: size)
    return [item.count for item in items if isinstance(item, SharedCrops)]


@pytest.mark.parametrize("cutting", [by_opencv(CPU), by_torch(CPU)])
def test_scores_do_not_depend_on_the_other_images_of_a_batch(cutting: Any) -> None:
    models = [network(0), network(1, input_size=40), network(2)]
    alone = scored(Packing(cutting, full=True), *models)
    together = scored(Packing(cutting, across=True, full=True), *models)
    for count, one, other in zip(COUNTS, alone, together, strict=True):
        assert one.shape == (3, count, 4)
        np.testing.assert_allclose(other, one, atol=1e-4)
    assert np.concatenate(alone, axis=1).std(axis=1).min() > 0.01


def test_what_torch_cuts_scores_as_what_opencv_cuts() -> None:
    # Crops differ by at most one level of 255.
    ours, expected = scored(TOGETHER), scored(Packing(by_opencv(CPU)))
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=0.03)


def test_batches_of_several_images_are_full_but_the_last() -> None:
    together = Packing(by_torch(CPU), across=True)
    assert counts(together, 20) == [20, 20, 20, 7]
    assert counts(together, 48) == [48, 21]
    assert counts(replace(together, full=True), 20) == [20, 20, 20, 20]
    assert counts(Packing(by_torch(CPU)), 20) == [1, 3, 20, 20, 7, 16]


def test_a_batch_does_not_wait_while_images_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches_module, "_WAITING_BYTES", 2 * 96 * 128 * 3)
    # The third image with boxes is beyond: 1 + 3 + 40, then 7 and 16, which end the stream.
    assert counts(Packing(by_torch(CPU), across=True), 64) == [44, 24]


class _Greedy(RegionClassifier):
    """A network that fits four crops into memory, from its third batch on."""

    calls = 0

    def forward(self, crops: Tensor) -> Any:
        _Greedy.calls += 1
        if len(crops) > 4 and _Greedy.calls > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return super().forward(crops)


def test_memory_that_runs_out_in_the_middle_loses_nothing() -> None:
    model, card = network(0)
    expected = scored(TOGETHER, (model, card))
    model.__class__ = _Greedy
    found = scored(TOGETHER, (model, card))
    assert _Greedy.calls > 10
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_an_image_the_device_has_no_room_for_is_cut_by_opencv(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = scored(Packing(by_opencv(CPU), across=True, full=True))
    tensor = torch.tensor

    def full(values: Any, **options: Any) -> Tensor:
        if isinstance(values, np.ndarray) and values.shape == (96, 128, 3):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return tensor(values, **options)

    monkeypatch.setattr(torch, "tensor", full)
    for one, other in zip(scored(TOGETHER), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def means(_: RegionClassifier, crops: Tensor) -> Tensor:
    """Score crops by their mean colours."""
    return torch.nn.functional.pad(crops.float().mean(dim=(2, 3)), (0, 1))


@pytest.mark.parametrize("count", [1, 20_000])
def test_one_region_and_very_many(count: int) -> None:
    image, proposals = pair(1, count)
    settings = {"score": means, "batch_size": 512}
    found = (
        RegionScorer([network(0)], packing=TOGETHER, **settings)
        .outputs(image, proposals.boxes)
        .scores
    )
    expected = RegionScorer([network(0)], **settings).outputs(image, proposals.boxes).scores
    assert found.shape == (1, count, 4)
    # Whole levels differ from the unrounded ones by at most one.
    np.testing.assert_allclose(found, expected, atol=1.0)
    assert count == 1 or found[0, :, :3].std(axis=0).min() > 1


def items(ahead: list[str]) -> Iterator[Regions[str] | SharedCrops]:
    """Yield three images of one crop each, each with its batch; note when that is asked for."""
    for name in "abc":
        regions = Regions(np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4), np.float32), name)
        regions.expect((0,), 1, np.zeros(1, np.int64))
        yield regions
        ahead.append(name)
        part = batches_module.Part(regions, slice(0, 1))
        yield SharedCrops((0,), 1, (part,), lambda piece: torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize(("ahead", "seen"), [(0, ["a", "ab", "abc"]), (1, ["ab", "abc", "abc"])])
def test_so_many_batches_are_begun_before_an_image_is_handed_out(
    ahead: int, seen: list[str]
) -> None:
    begun: list[str] = []
    found = []
    for regions in in_order(items(begun), lambda batch: torch.zeros(1, batch.count, 2), ahead):
        found.append((regions.about, "".join(begun)))
    assert found == list(zip("abc", seen, strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_with_other_images_in_a_batch() -> None:
    device, model = torch.device("cuda:0"), network(0)
    pairs = [pair(seed, count) for seed, count in enumerate(COUNTS)]
    packing = replace(Packing.on(device), full=True)
    gpu = RegionScorer([model], device, precision="float32", batch_size=16, packing=packing)
    together = [outputs.scores for _, _, outputs in gpu.scored(iter(pairs))]
    for (image, proposals), scores in zip(pairs, together, strict=True):
        np.testing.assert_allclose(scores, gpu.outputs(image, proposals.boxes).scores, atol=1e-4)
    expected = scored(Packing(by_opencv(CPU)), model)
    for one, other in zip(together, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=0.03)


def test_the_shapes_that_are_cut_at_once_do_not_change_a_crop() -> None:
    image, proposals = pair(0, 30)
    settings = {"score": means}
    small = RegionScorer([network(0)], packing=TOGETHER, batch_size=7, **settings)
    large = RegionScorer([network(0)], packing=TOGETHER, batch_size=64, **settings)
    found = [one.outputs(image, proposals.boxes).scores for one in (small, large)]
    np.testing.assert_allclose(*found, atol=1e-4)
