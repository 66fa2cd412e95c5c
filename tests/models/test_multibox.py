"""MultiBox: shapes, order of slots, what is stored, what is refused."""

from pathlib import Path

import pytest
import torch

from detect.errors import DataError
from detect.models.box_coder import BoxCoder
from detect.models.cards import MultiBoxCard
from detect.models.checkpoints import load_model, save_model
from detect.models.inference import prepare_for_inference
from detect.models.kinds import MULTIBOX
from detect.models.map_sides import map_side
from detect.models.multibox import FullyConnectedHead, MultiBox, MultiBoxDesign, grid_sides
from detect.models.normalised import IMAGENET_MEAN, IMAGENET_STD
from detect.models.priors import grid_priors


def design(head: str = "conv", **changes) -> MultiBoxDesign:
    conv = head == "conv"
    values = {
        "variant": "bn",
        "width": 0.25,
        "head": head,
        "until": "4e",
        "input_size": 64,
        "slots": (16 + 4) * 3 if conv else 7,
        "levels": 2 if conv else 0,
        "shapes": 3 if conv else 0,
        "coder": BoxCoder("centre", 0.1) if conv else BoxCoder(),
    }
    return MultiBoxDesign(**{**values, **changes})


def network(head: str = "conv", seed: int = 0, **changes) -> MultiBox:
    torch.manual_seed(seed)
    shape = design(head, **changes)
    corners = torch.rand(shape.slots, 2) * 0.5
    return MultiBox(shape, torch.cat([corners, corners + 0.3], 1))


def card(model: MultiBox, **changes) -> MultiBoxCard:
    own = model.design
    values = {
        "variant": own.variant,
        "width": own.width,
        "input_size": own.input_size,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "head": own.head,
        "until": own.until,
        "slots": own.slots,
        "levels": own.levels,
        "shapes": own.shapes,
        "encoding": own.coder.kind,
        "scale": own.coder.scale,
        "views": "squares",
        "per_view": 50,
        "nms": 0.5,
        "boxes": 200,
    }
    return MultiBoxCard(**{**values, **changes})


@pytest.mark.parametrize(("head", "slots"), [("conv", 60), ("fc", 7)])
def test_outputs_have_a_row_a_slot(head: str, slots: int):
    offsets, logits = network(head).eval()(torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8))
    assert offsets.shape == (2, slots, 4)
    assert logits.shape == (2, slots)
    assert offsets.dtype == logits.dtype == torch.float32


@pytest.mark.parametrize(("until", "side"), [("4e", 14), ("5b", 7)])
def test_maps_have_the_sides_of_table_1(until: str, side: int):
    assert map_side("paper", until, 224) == side


def test_grids_halve_upwards():
    assert grid_sides("bn", "4e", 192, 4) == (12, 6, 3, 2)


def test_before_training_confidences_expect_few_boxes():
    for head in ("conv", "fc"):
        model = network(head).eval()
        with torch.no_grad():
            _, logits = model(torch.rand(1, 3, 64, 64) * 255)
        expected = min(3, logits.shape[1] * 0.5)
        assert float(logits.sigmoid().sum()) == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize(("slots", "expected"), [(100, 3), (6, 3), (4, 2)])
def test_three_boxes_are_expected_or_half_of_the_slots(slots: int, expected: float):
    head = FullyConnectedHead(8, 1, slots, batch_norm=True, drop=0.0)
    found = head.confidences.bias.detach().sigmoid().sum()
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_images_are_normalised_by_mean_and_deviation():
    model, plain = network("fc").eval(), network("fc").eval()
    plain.mean.zero_()
    plain.std.fill_(1)
    images = torch.rand(1, 3, 64, 64) * 255
    channels = zip(images[0], IMAGENET_MEAN, IMAGENET_STD, strict=True)
    by_hand = torch.stack([(channel - mean) / std for channel, mean, std in channels])[None]
    for ours, theirs in zip(model(images), plain(by_hand), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_head_has_the_sizes_of_the_published_one():
    """Footnote 6 of arXiv 1506.01497: 1x1 convolution to 288 channels, 1,536 units."""
    head = network("fc").head
    assert head.reduce.conv.weight.shape == (288, 208, 1, 1)
    assert head.hidden.weight.shape == (1536, 288 * 4 * 4)


def test_a_slot_has_four_neighbouring_outputs_and_dead_units_say_nothing():
    head = network("fc").head.eval()
    with torch.no_grad():
        head.hidden.bias.fill_(-1e6)
        head.boxes.bias.copy_(torch.arange(28))
        head.confidences.bias.copy_(torch.arange(7) + 100)
        outputs = head(torch.rand(1, 208, 4, 4))[0]
    torch.testing.assert_close(outputs[:, :4], torch.arange(28.0).view(7, 4))
    torch.testing.assert_close(outputs[:, 4], torch.arange(7.0) + 100)


def test_dropout_is_before_the_outputs_and_in_training_alone():
    torch.manual_seed(0)
    head = FullyConnectedHead(8, 1, 384, batch_norm=True, drop=0.25)
    with torch.no_grad():  # Every unit is 1, and output i says what unit i is.
        head.hidden.weight.zero_()
        head.hidden.bias.fill_(1)
        head.boxes.weight.copy_(torch.eye(1536))
    maps = torch.rand(2, 8, 1, 1)
    assert (head.eval()(maps)[..., :4] == 1).all()
    units = head.train()(maps)[..., :4]
    torch.testing.assert_close(units.unique(), torch.tensor([0, 1 / 0.75]))
    assert float((units == 0).float().mean()) == pytest.approx(0.25, abs=0.03)


def test_decoded_boxes_are_priors_moved_and_may_leave_the_window():
    model = network("fc")
    offsets = torch.zeros(1, 7, 4)
    offsets[0, 2] = torch.tensor([-100.0, 0.0, 50.0, 200.0])  # hundredths of the window
    moved = (model.decode(offsets)[0] - model.priors)[2]
    torch.testing.assert_close(moved, torch.tensor([-1.0, 0.0, 0.5, 2.0]))


def test_convolutional_slots_lie_where_their_priors_lie():
    """Light one place of the maps: the slots whose logits move most are the priors around it."""
    model = network()
    shapes = torch.full((2, 3, 2), 0.1).numpy()
    priors = grid_priors(shapes, (4, 2))
    model.head.eval()
    dark, lit = (torch.zeros(1, 208, 4, 4) for _ in range(2))
    lit[:, :, 1, 3] = 50.0  # row 1, column 3: centre (0.875, 0.375)
    with torch.no_grad():
        change = (model.head(lit) - model.head(dark)).abs().sum(-1)[0, :48]
    best = int(change.argmax())
    centre = (priors[best, :2] + priors[best, 2:]) / 2
    assert abs(centre[0] - 0.875) <= 0.26
    assert abs(centre[1] - 0.375) <= 0.26
    far = (priors[:48, 0] < 0.3) | (priors[:48, 1] > 0.8)
    assert float(change[torch.from_numpy(far)].max()) == 0  # a 3x3 kernel does not reach there


def test_the_trunk_ends_where_the_head_begins():
    names = set(dict(network().network.named_children()))
    assert "inception4e" in names
    assert not names & {"inception5a", "maxpool4", "fc", "aux1"}


def test_another_input_size_is_refused():
    with pytest.raises(ValueError, match="inputs of 64x64 px, got 32x96"):
        network()(torch.zeros(1, 3, 32, 96))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"slots": 61}, "2 grids of 3 shapes at 64 px have 60, got 61"),
        ({"until": "3a"}, "until: expected one of 4e, 5b"),
        ({"head": "rpn"}, "head: expected one of fc, conv"),
    ],
)
def test_designs_that_do_not_fit_are_refused(changes: dict, text: str):
    with pytest.raises(ValueError, match=text):
        design(**changes)


def test_priors_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"priors: expected \(7, 4\), got \(8, 4\)"):
        MultiBox(design("fc"), torch.zeros(8, 4))


@pytest.mark.parametrize("head", ["conv", "fc"])
def test_what_is_stored_is_what_is_read(head: str, tmp_path: Path):
    model = network(head).eval()
    save_model(tmp_path / "m.safetensors", model, card(model, fold="1/2"))
    read, described = load_model(tmp_path / "m", MULTIBOX)
    images = torch.rand(2, 3, 64, 64) * 255
    for ours, theirs in zip(model(images), read(images), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    torch.testing.assert_close(read.priors, model.priors)
    assert described == card(model, fold="1/2")
    assert not read.training


def test_folding_batch_norm_changes_nothing():
    model = network("fc").eval()
    images = torch.rand(2, 3, 64, 64) * 255
    for ours, theirs in zip(model(images), prepare_for_inference(model)(images), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_card_of_another_network_is_refused(tmp_path: Path):
    model = network()
    with pytest.raises(ValueError, match="card: MultiBoxDesign"):
        save_model(tmp_path / "m.safetensors", model, card(network("fc")))
    text = (tmp_path / "m.json", tmp_path / "m.safetensors")
    save_model(text[1], model, card(model))
    text[0].write_text(text[0].read_text().replace('"shapes": 3', '"shapes": 4'))
    with pytest.raises(DataError, match=r"m\.json: shapes: expected 3, got 4\. It is a copy"):
        load_model(text[1], MULTIBOX)
    values = {**card(model).to_json(), "shapes": 4}
    with pytest.raises(DataError, match=r"m\.json: slots: 2 grids of 4 shapes .* have 80, got 60"):
        MultiBoxCard.from_json(values, "m.json")


def test_a_bad_fold_in_a_card_is_refused():
    with pytest.raises(ValueError, match="expected I/N"):
        card(network(), fold="3/2")
