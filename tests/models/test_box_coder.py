"""Boxes to offsets and back: the round trip is a law."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models.detection import _utils as torchvision_detection

from detect.models.box_coder import BoxCoder

fraction = st.floats(0.0, 1.0, width=32)
side = st.floats(1 / 64, 1.0, width=32)


@given(
    kind=st.sampled_from(["corners", "centre"]),
    scale=st.sampled_from([0.01, 0.1, 1.0]),
    box=st.tuples(fraction, fraction, side, side),
    prior=st.tuples(fraction, fraction, side, side),
)
def test_decoding_an_encoded_box_gives_it_back(kind, scale, box, prior):
    boxes, priors = (
        torch.tensor([[x, y, x + width, y + height]]) for x, y, width, height in (box, prior)
    )
    coder = BoxCoder(kind, scale)
    torch.testing.assert_close(
        coder.decode(coder.encode(boxes, priors), priors), boxes, atol=2e-5, rtol=1e-5
    )


def test_corners_are_differences_over_the_scale():
    coder = BoxCoder()  # Google's release: corners, 0.01
    box, prior = torch.tensor([[0.1, 0.2, 0.5, 0.8]]), torch.tensor([[0.1, 0.1, 0.4, 1]])
    offsets = coder.encode(box, prior)
    torch.testing.assert_close(offsets, torch.tensor([[0.0, 10.0, 10.0, -20.0]]))
    torch.testing.assert_close(coder.decode(offsets, prior), box)


def test_centre_offsets_at_a_tenth_are_torchvisions_with_ssds_weights():
    """SSD's variances 0.1 and 0.2 are the weights 10 and 5 of torchvision.models.detection.ssd."""
    judge = torchvision_detection.BoxCoder((10.0, 10.0, 5.0, 5.0))
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 50, 2, generator=generator)
    sides = torch.rand(2, 50, 2, generator=generator) * 0.9 + 0.05
    boxes, priors = torch.cat([corners, corners + sides], -1)
    coder = BoxCoder("centre", 0.1)
    expected = judge.encode_single(boxes, priors)
    torch.testing.assert_close(coder.encode(boxes, priors), expected, rtol=1e-4, atol=1e-4)
    offsets = torch.randn(50, 4, generator=generator) * 3
    expected = judge.decode_single(offsets, priors)
    torch.testing.assert_close(coder.decode(offsets, priors), expected, rtol=1e-4, atol=1e-4)


def test_centre_offsets_by_hand():
    prior = torch.tensor([[0.0, 0.0, 0.4, 0.2]])
    box = torch.tensor([[0.2, 0.0, 0.6, 0.4]])  # centre (0.4, 0.2), sides (0.4, 0.4)
    offsets = BoxCoder("centre", 0.1).encode(box, prior)
    expected = torch.tensor(
        [[0.2 / 0.4 / 0.1, 0.1 / 0.2 / 0.1, 0.0, torch.log(torch.tensor(2.0)) / 0.2]]
    )
    torch.testing.assert_close(offsets, expected)


def test_zero_offsets_are_the_prior_and_wild_ones_stay_finite():
    prior = torch.tensor([[0.1, 0.2, 0.3, 0.7]])
    for kind in ("corners", "centre"):
        torch.testing.assert_close(BoxCoder(kind).decode(torch.zeros(1, 4), prior), prior)
    assert torch.isfinite(BoxCoder("centre", 0.1).decode(torch.full((1, 4), 1e4), prior)).all()


def test_sides_are_at_most_e_to_the_8_times_the_priors():
    prior = torch.tensor([[-1.0, -1.0, 1.0, 1.0]])
    coder = BoxCoder("centre", 0.5)  # so that offsets are logarithms
    for logarithm, largest in ((7.9, 7.9), (9.0, 8.0)):
        offsets = torch.tensor([[0.0, 0.0, logarithm, -logarithm]])
        expected = torch.tensor([[largest, -largest]]).exp()
        torch.testing.assert_close(coder.decode(offsets, prior)[:, 2:], expected)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("polar", 1.0), "kind: expected one of corners, centre, got 'polar'"),
        (("corners", 0), "scale"),
    ],
)
def test_bad_coders_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        BoxCoder(*arguments)
