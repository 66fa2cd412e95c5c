"""MultiBox's objective against sums worked by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from detect.config.multibox import ObjectiveSection
from detect.models.box_coder import BoxCoder
from detect.training.multibox_loss import WindowTruth, multibox_losses

PRIORS = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0]])
NONE = np.zeros((0, 4), np.float32)


class Slots(nn.Module):
    """The priors and coder of a network, without one."""

    def __init__(self, coder: BoxCoder) -> None:
        super().__init__()
        self.priors = PRIORS
        self.design = type("Design", (), {"coder": coder})


def losses(truths, offsets=None, logits=None, **objective):
    section = ObjectiveSection(**objective)
    model = Slots(BoxCoder(section.encoding, section.scale))
    count = len(truths)
    offsets = torch.zeros(count, 3, 4) if offsets is None else offsets
    logits = torch.zeros(count, 3) if logits is None else logits
    return multibox_losses(model, offsets, logits, truths, section)  # type: ignore[arg-type]


def truth(*boxes, crowd=NONE) -> WindowTruth:
    return WindowTruth(np.array(boxes, np.float32).reshape(-1, 4), np.array(crowd, np.float32))


def test_the_papers_objective_by_hand():
    found = losses([truth([0.02, 0.0, 0.5, 0.5]), truth()], alpha=0.3, scale=0.01)
    # One box 2 units of 0.01 off its prior; six slots at probability 1/2; two windows.
    assert float(found["location_loss"]) == pytest.approx(0.5 * 2**2 / 2, rel=1e-4)
    assert float(found["confidence_loss"]) == pytest.approx(6 * math.log(2) / 2)
    assert float(found["loss"]) == pytest.approx(0.3 * 1.0 + 3 * math.log(2), rel=1e-4)


def test_alpha_in_encoded_units_is_a_thousand_times_the_literal_one():
    box = truth([0.02, 0.0, 0.5, 0.5])
    encoded, literal = (losses([box], scale=scale)["location_loss"] for scale in (0.01, 1.0))
    assert float(encoded / literal) == pytest.approx(1e4, rel=1e-3)


@pytest.mark.parametrize(("location", "expected"), [("l2", 2 + 0.125), ("smooth_l1", 1.5 + 0.125)])
def test_location_losses_by_hand(location: str, expected: float):
    """Offsets of 2 and 0.5 units: half their squares; smooth L1 takes 0.5 off beyond one unit."""
    boxes = [0.5, 0.5, 1.0, 0.98], [0.005, 0.0, 0.5, 0.5]  # of slot 1, of slot 0
    found = losses([truth(*boxes), truth()], location=location)
    assert float(found["location_loss"]) == pytest.approx(expected / 2, rel=1e-4)


def test_confidence_is_minus_log_of_the_matched_and_of_one_minus_the_others():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    found = losses([truth([0.5, 0.5, 1.0, 1.0])], logits=logits)
    c = logits.sigmoid()[0]
    expected = -(c[1].log() + (1 - c[0]).log() + (1 - c[2]).log())
    assert float(found["confidence_loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_no_gradient_reaches_the_coordinates_of_unmatched_slots():
    offsets = torch.ones(1, 3, 4, requires_grad=True)
    losses([truth([0.5, 0.5, 1.0, 0.9])], offsets=offsets)["loss"].backward()
    assert offsets.grad is not None
    assert (offsets.grad[0, 1] != 0).all()
    assert (offsets.grad[0, [0, 2]] == 0).all()


def test_matching_on_predictions_follows_the_confident_slot():
    """Equation 4: with literal units a confident slot wins whatever its place (the known trap)."""
    box, logits = truth([0.0, 0.0, 0.5, 0.5]), torch.tensor([[0.0, 9.0, 0.0]], requires_grad=True)
    literal = losses([box], logits=logits, matching="prediction", scale=1.0)
    literal["confidence_loss"].backward()
    assert logits.grad is not None
    assert logits.grad[0, 1] < 0  # matched: pushed up
    assert logits.grad[0, 0] > 0
    encoded = losses([box], logits=logits.detach(), matching="prediction", scale=0.01)
    assert float(encoded["location_loss"]) == 0  # at scale 0.01 the near slot wins


@pytest.mark.parametrize(("logit", "location"), [(0.65, 2.0), (0.55, 0.0)])
def test_what_a_predicted_slot_costs_by_hand(logit: float, location: float):
    """Equation 4: slot 0 is 2 units off, 0.3 / 2 * 2^2 = 0.6, which its logit outweighs or not."""
    offsets = torch.full((1, 3, 4), 100.0)
    offsets[0, 0] = torch.tensor([2.0, 0.0, 0.0, 0.0])
    offsets[0, 1] = -0.5  # from prior 1 to the box
    given = {"matching": "prediction", "scale": 1.0, "alpha": 0.3}
    box, logits = truth([0.0, 0.0, 0.5, 0.5]), torch.tensor([[logit, 0.0, 0.0]])
    found = losses([box], offsets=offsets, logits=logits, **given)
    assert float(found["location_loss"]) == pytest.approx(location)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("confidence", ["log", "focal"])
def test_what_a_diverged_network_predicts_is_matched_and_its_loss_not_finite(
    value: float, confidence: str
):
    far, none = torch.full((1, 3, 4), value), torch.zeros(1, 3)
    given = {"matching": "prediction", "confidence": confidence}
    boxes = truth([0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0])
    assert not math.isfinite(float(losses([boxes], offsets=far, **given)["loss"]))
    if abs(value) != 1e30:
        logits = none + value
        assert not math.isfinite(float(losses([boxes], logits=logits, **given)["loss"]))


def test_an_object_takes_a_slot_whose_prediction_is_finite():
    offsets = torch.zeros(1, 3, 4)
    offsets[0, 0] = math.nan
    found = losses([truth([0.0, 0.0, 0.5, 0.5])], offsets=offsets, matching="prediction")
    # Slot 2 is the next: two corners half a window off, 50 units of 0.01.
    assert float(found["location_loss"]) == pytest.approx(2 * 50**2 / 2)


@pytest.mark.parametrize("matching", ["prior_l2", "prior_iou"])
def test_matching_on_priors_ignores_what_is_predicted(matching: str):
    box = truth([0.0, 0.0, 0.5, 0.5])
    far = torch.full((1, 3, 4), 50.0)
    far[0, 0] = 0
    found = losses([box], offsets=far, logits=torch.tensor([[-9.0, 9.0, 0.0]]), matching=matching)
    assert float(found["location_loss"]) == 0


@pytest.mark.parametrize(("matching", "squares"), [("prior_l2", 0.3), ("prior_iou", 0.5)])
def test_the_nearest_corners_are_not_always_the_largest_overlap(matching: str, squares: float):
    # Slot 0: IoU 0.02 / 0.3, squares 0.09 + 0.16 + 0.25; slot 1: IoU 0, squares 0.04 + 0.01 + 0.25.
    found = losses([truth([0.3, 0.4, 1.0, 0.5])], matching=matching)
    assert float(found["location_loss"]) == pytest.approx(squares / 2 * 100**2, rel=1e-4)


def test_crowd_slots_have_no_say():
    crowd = [[0.0, 0.0, 0.5, 1.0]]
    found = losses([truth(crowd=crowd)], logits=torch.tensor([[50.0, 0.0, 50.0]]))
    assert float(found["confidence_loss"]) == pytest.approx(math.log(2))


def test_focal_loss_by_hand():
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    found = losses([truth([0.5, 0.5, 1.0, 1.0])], logits=logits, confidence="focal")
    c = logits.sigmoid()[0]
    positive = 0.25 * (1 - c[1]) ** 2 * -c[1].log()
    negative = sum(0.75 * c[i] ** 2 * -(1 - c[i]).log() for i in (0, 2))
    assert float(found["confidence_loss"]) == pytest.approx(float(positive + negative), rel=1e-5)


def test_what_the_losses_are_divided_by():
    """A positive costs 1/16 log 2 at probability 1/2, a negative 3/16; without focal log 2 each."""
    boxes = [0.02, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 0.98]  # half of 2 units squared each
    focal = losses([truth(*boxes)], confidence="focal")  # by the two matched slots
    assert float(focal["confidence_loss"]) == pytest.approx((2 / 16 + 3 / 16) * math.log(2) / 2)
    assert float(focal["location_loss"]) == pytest.approx(2.0, rel=1e-4)
    none = losses([truth(), truth()], confidence="focal")  # by the two windows
    assert float(none["confidence_loss"]) == pytest.approx(6 * 3 / 16 * math.log(2) / 2)
    log = losses([truth(*boxes)])  # by the one window
    assert float(log["confidence_loss"]) == pytest.approx(3 * math.log(2))
    assert float(log["location_loss"]) == pytest.approx(4.0, rel=1e-4)


def test_more_objects_than_slots_train_as_many_as_fit():
    boxes = [[0.1 * i, 0.1 * i, 0.1 * i + 0.3, 0.1 * i + 0.3] for i in range(6)]
    found = losses([truth(*boxes)], logits=torch.full((1, 3), -8.0))
    assert float(found["confidence_loss"]) == pytest.approx(3 * math.log(1 + math.exp(8)), rel=1e-4)
