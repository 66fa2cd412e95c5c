"""Local response normalisation against a hand-worked case and torch's own."""

import pytest
import torch
from torch.nn.functional import local_response_norm, max_pool2d

from detect.models.layers import LocalResponseNorm, NeighbourhoodMax


def test_response_norm_of_a_hand_worked_case() -> None:
    maps = torch.tensor([100.0, 0, 200, 0, 0, 300, 0]).reshape(1, 7, 1, 1)
    # Channel 0 sees channels 0-2: 1 + 1e-4/5 * (100^2 + 200^2) = 2. Channel 2 sees 0-4: the
    # same 2. Channel 5 sees 3-6: 1 + 1e-4/5 * 300^2 = 2.8.
    expected = torch.tensor([100 / 2**0.75, 0, 200 / 2**0.75, 0, 0, 300 / 2.8**0.75, 0])
    torch.testing.assert_close(LocalResponseNorm()(maps).flatten(), expected)


@pytest.mark.parametrize("channels", [3, 64])
def test_response_norm_equals_torchs_with_its_gradient(channels: int) -> None:
    torch.manual_seed(0)
    ours = (torch.randn(2, channels, 5, 4) * 100).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    weights = torch.randn(2, channels, 5, 4)
    actual, expected = LocalResponseNorm()(ours), local_response_norm(theirs, 5, 1e-4, 0.75, 1.0)
    torch.testing.assert_close(actual, expected)
    (actual * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_response_norm_keeps_type_and_memory_format_and_sums_in_float32() -> None:
    maps = torch.rand(1, 64, 4, 4).mul(100).to(memory_format=torch.channels_last)
    reduced = maps.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        normalised = LocalResponseNorm()(reduced)
    assert normalised.dtype == torch.bfloat16
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    expected = local_response_norm(reduced.float(), 5, 1e-4, 0.75, 1.0)
    torch.testing.assert_close(normalised.float(), expected, rtol=2**-7, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("side", [(1, 1), (1, 5), (2, 3), (7, 4)])
def test_pooling_gives_the_same_with_and_without_gradients(
    side: tuple[int, int], dtype: torch.dtype
) -> None:
    maps = torch.randn(3, 5, *side, generator=torch.Generator().manual_seed(0)).to(dtype)
    maps = maps.contiguous(memory_format=torch.channels_last)
    expected = max_pool2d(maps, 3, stride=1, padding=1)
    before = maps.clone()
    with torch.no_grad():
        pooled = NeighbourhoodMax()(maps)
    assert torch.equal(pooled, expected)
    assert torch.equal(NeighbourhoodMax()(maps), expected)
    assert torch.equal(maps, before)
    assert pooled.stride() == expected.stride()


def test_pooling_without_gradients_hides_no_nan() -> None:
    maps = torch.zeros(1, 1, 5, 5)
    maps[0, 0, 2, 2] = float("nan")
    with torch.no_grad():
        assert NeighbourhoodMax()(maps).isnan().sum() == 9
