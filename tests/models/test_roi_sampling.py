"""Regions of maps: torchvision's RoIAlign with one sample a bin, and what lies at the edge."""

import pytest
import torch
from torchvision.ops import roi_align

from detect.models.roi_sampling import sample_regions


def _boxes(count: int, width: int, height: int) -> torch.Tensor:
    """Return `count` boxes within the maps, some of them smaller than a place."""
    corners = torch.rand(count, 2) * torch.tensor([width, height])
    far = corners + torch.rand(count, 2) ** 3 * (torch.tensor([width, height]) - corners)
    return torch.cat([corners, far], 1)


@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize(("height", "width"), [(24, 32), (3, 2), (7, 1)])
def test_it_is_torchvisions_roi_align(side: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    maps = torch.randn(3, 6, height, width)
    boxes, images = _boxes(50, width, height), torch.arange(50) % 3
    rois = torch.cat([images[:, None].float(), boxes], 1)
    expected = roi_align(maps, rois, side, 1.0, sampling_ratio=1, aligned=True)
    for order in (torch.contiguous_format, torch.channels_last):
        found = sample_regions(maps.contiguous(memory_format=order), boxes, images, side)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_its_gradient_is_torchvisions() -> None:
    torch.manual_seed(0)
    ours, theirs = (torch.randn(2, 4, 9, 11).requires_grad_() for _ in range(2))
    theirs.data.copy_(ours.data)
    boxes, images = _boxes(30, 11, 9), torch.arange(30) % 2
    shares = torch.randn(30, 4, 5, 5)
    rois = torch.cat([images[:, None].float(), boxes], 1)
    (sample_regions(ours, boxes, images, 5) * shares).sum().backward()
    (roi_align(theirs, rois, 5, 1.0, 1, aligned=True) * shares).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)


def test_a_region_beyond_the_maps_shows_their_outermost_places() -> None:
    maps = torch.arange(12.0).view(1, 1, 3, 4)
    boxes = torch.tensor([[-9.0, -9.0, -5.0, -5.0], [6.0, 5.0, 9.0, 8.0]])
    found = sample_regions(maps, boxes, torch.zeros(2, dtype=torch.long), 2)
    assert found.flatten(1).tolist() == [[0.0] * 4, [11.0] * 4]


def test_no_region() -> None:
    found = sample_regions(torch.ones(1, 3, 4, 4), torch.zeros(0, 4), torch.zeros(0).long(), 5)
    assert found.shape == (0, 3, 5, 5)
