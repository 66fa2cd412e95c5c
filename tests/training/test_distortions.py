"""Distortions of many crops at once: those that the CPU's functions make of the same draws."""

import numpy as np
import pytest
import torch

from detect.data.augment import Changes, CropAugmenter
from detect.training.distortions import distorted


def crops(count: int) -> np.ndarray:
    """Return dark, light and colourful noise (N, 16, 16, 4); the fourth channel says nothing."""
    rng = np.random.default_rng(3)
    low = rng.integers(0, 200, (count, 1, 1, 4))
    return (low + rng.integers(0, 56, (count, 16, 16, 4))).astype(np.uint8)


def changes(count: int, strength: float) -> Changes:
    augmenter = CropAugmenter(mirror=False, strength=strength)
    return augmenter.draw(np.random.default_rng(1), count)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_what_is_drawn_changes_crops_as_on_a_cpu(strength: float) -> None:
    batch, drawn = crops(200), changes(200, strength)
    expected = CropAugmenter().change(batch[..., :3], drawn)
    found = distorted(torch.from_numpy(batch), drawn.orders, drawn.factors)
    assert found.shape == (200, 16, 16, 3)
    assert found.is_contiguous()
    apart = np.abs(found.numpy().astype(int) - expected)
    # Where float32 falls on the other side of a whole number, three times at most.
    assert apart.max() <= (2 if strength else 0)
    assert (apart > 0).mean() < 0.002
    assert strength == 0 or (expected != batch[..., :3]).mean() > 0.9


def test_each_crop_has_its_own_changes() -> None:
    batch, drawn = torch.from_numpy(crops(6)), changes(6, 0.5)
    whole = distorted(batch, drawn.orders, drawn.factors)
    for row in range(6):
        rows = slice(row, row + 1)
        one = distorted(batch[rows], drawn.orders[rows], drawn.factors[rows])
        assert torch.equal(one[0], whole[row])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_distorts_as_a_processor() -> None:
    batch, drawn = torch.from_numpy(crops(50)), changes(50, 0.5)
    on_gpu, again = (distorted(batch.cuda(), drawn.orders, drawn.factors).cpu() for _ in range(2))
    expected = distorted(batch, drawn.orders, drawn.factors)
    assert torch.equal(on_gpu, again)
    assert (on_gpu.int() - expected.int()).abs().max() <= 1
    assert (on_gpu != expected).float().mean() < 0.001
