"""A detector of one trunk: its maps, proposals, regions; what is stored of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from networks import shared

from detect.errors import DataError
from detect.models.box_coder import BoxCoder
from detect.models.box_head import BoxHeadDesign
from detect.models.checkpoints import load_model, save_model
from detect.models.inference import prepare_for_inference
from detect.models.kinds import REGION_CLASSIFIER, SHARED
from detect.models.shared import SharedDesign, grid_sizes

IMAGES = torch.randint(0, 256, (2, 3, 48, 64), dtype=torch.uint8)
BOXES = torch.tensor([[0.1, 0.2, 0.5, 0.9], [0.3, 0.1, 0.8, 0.4], [0.0, 0.0, 1.0, 1.0]])
WHOSE = torch.tensor([0, 1, 1])


@torch.no_grad()
def test_proposals_and_regions_are_of_the_same_maps() -> None:
    model, _ = shared()
    maps = model.trunk(IMAGES)
    assert maps.shape[2:] == (3, 4)
    offsets, logits = model.propose(IMAGES)
    torch.testing.assert_close((offsets, logits), model.proposed(maps), rtol=0, atol=0)
    assert offsets.shape == (2, 24, 4)
    outputs = model(model.regions(maps, BOXES, WHOSE))
    assert outputs.logits.shape == (3, 4)
    assert outputs.deltas.shape == (3, 3, 4)
    assert outputs.logits.std(dim=0).min() > 0.01


@torch.no_grad()
def test_the_end_of_the_network_is_the_whole_ones() -> None:
    model, _ = shared()
    whole, maps = model.network.with_maps(model.normalise(IMAGES), "4e")
    logits, last = model.network.after(maps, "4e")
    torch.testing.assert_close(logits, whole, rtol=0, atol=0)
    expected = model.network.features(model.normalise(IMAGES), "5b")
    torch.testing.assert_close(last, expected, rtol=0, atol=0)


@torch.no_grad()
def test_a_region_of_maps_is_cut_where_it_is_in_the_image() -> None:
    """What a bright square changes in the maps has its middle where the square has its own."""
    model, _ = shared()
    maps = torch.zeros(1, 1, 3, 4)
    places = torch.arange(4) * 16 + 14.5  # middles, px
    maps[0, 0] = places
    middle, half = 30.0, 6.0
    box = torch.tensor([[(middle - half) / 64, 0.3, (middle + half) / 64, 0.7]])
    found = model.regions(maps, box, torch.zeros(1, dtype=torch.long))
    torch.testing.assert_close(found.mean(), torch.tensor(middle))


def test_where_a_place_of_the_maps_looks() -> None:
    """The gradient of one place of 4e lies around the middle that regions are cut by."""
    torch.manual_seed(0)
    network = shared()[0].network
    images = torch.randn(8, 3, 288, 288).requires_grad_()
    network.features(images, "4e")[:, :, 8, 8].sum().backward()
    assert images.grad is not None
    weight = images.grad.square().sum(dim=(0, 1))
    pixels = torch.arange(288) + 0.5
    for axis in (0, 1):
        middle = float((weight.sum(1 - axis) * pixels).sum() / weight.sum())
        assert middle == pytest.approx(8 * 16 + 14.5, abs=2)


@torch.no_grad()
def test_prepared_it_computes_the_same() -> None:
    model, _ = shared()
    prepared = prepare_for_inference(model)
    for one in (model, prepared):
        maps = one.trunk(IMAGES)
        outputs = one(one.regions(maps, BOXES, WHOSE))
        if one is model:
            expected = outputs
    torch.testing.assert_close(tuple(outputs), tuple(expected), rtol=1e-3, atol=1e-3)


def test_images_of_another_size_are_refused() -> None:
    model, _ = shared()
    with pytest.raises(ValueError, match=r"\(48, 64\), got \(64, 48\)"):
        model.trunk(IMAGES.transpose(2, 3))


@pytest.mark.parametrize("kind", ["agnostic", "classwise"])
def test_a_stored_one_is_read_back(kind: str, tmp_path: Path) -> None:
    model, card = shared(1, kind)
    save_model(tmp_path / "m.safetensors", model, card)
    again, told = load_model(tmp_path / "m", SHARED)
    assert told == card
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    with pytest.raises(DataError, match=r"'shared-detector'\)\. It is a detector of one trunk, of"):
        load_model(tmp_path / "m", REGION_CLASSIFIER)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_height": 50}, "input_height: expected a multiple of 16 from 32 to 1024, got 50"),
        ({"input_height": 64}, "slots: 1 grids of 2 shapes at 64x64 px have 32, got 24"),
        ({"variant": "timm/resnet18"}, "variant: expected one of paper, bn, torchvision"),
        ({"regression": "off"}, "regression: expected one of agnostic, classwise"),
    ],
)
def test_wrong_cards_are_refused(changes: dict, message: str, tmp_path: Path) -> None:
    model, card = shared()
    with pytest.raises(ValueError, match=message):
        replace(card, **changes)
    save_model(tmp_path / "m.safetensors", model, card)
    assert json.loads((tmp_path / "m.json").read_text())["kind"] == "shared-detector"


def test_grids_have_the_shape_of_the_image() -> None:
    assert grid_sizes("bn", 512, 384, 3) == [(24, 32), (12, 16), (6, 8)]
    shape = ("bn", 1.0, 3, 512, 384, 5, 1, 4, BoxCoder(), BoxHeadDesign("agnostic", "4e", 3))
    with pytest.raises(ValueError, match="1 grids of 4 shapes at 512x384 px have 3072, got 5"):
        SharedDesign(*shape)
