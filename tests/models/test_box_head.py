"""The network's second output: one pass, torch's pooling, cards, what is refused."""

import json
from pathlib import Path

import pytest
import torch
from networks import moving_network, network
from torch.nn.functional import adaptive_avg_pool2d

from detect.errors import DataError
from detect.models.box_head import BoxHead, BoxHeadDesign, check_grid, pooled
from detect.models.cards import RegionClassifierCard
from detect.models.checkpoints import load_model, save_model
from detect.models.inference import prepare_for_inference
from detect.models.kinds import REGION_CLASSIFIER
from detect.models.region_classifier import RegionClassifier

CROPS = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)


@pytest.mark.parametrize("side", [2, 3, 4, 5, 6, 7, 14])
@pytest.mark.parametrize("grid", [1, 2, 3])
def test_pooling_is_torchs_adaptive_average(side: int, grid: int) -> None:
    maps = torch.randn(2, 5, side, side + 1)
    expected = adaptive_avg_pool2d(maps, grid).flatten(1)
    torch.testing.assert_close(pooled(maps, grid), expected)


@pytest.mark.parametrize("maps", ["4e", "5b"])
def test_one_pass_gives_the_logits_of_the_classifier_and_deltas_of_its_maps(maps: str) -> None:
    plain, _ = network(1)
    model, _ = moving_network(1, "classwise", regression_maps=maps)
    with torch.no_grad():
        outputs = model(CROPS)
        torch.testing.assert_close(outputs.logits, plain(CROPS), rtol=0, atol=0)
        found = plain.network.features(plain.normalise(CROPS), maps)
        torch.testing.assert_close(outputs.deltas, model.regression(found), rtol=0, atol=0)
    assert outputs.deltas.shape == (3, 3, 4)
    assert outputs.deltas.std(dim=0).min() > 0.01


def test_the_auxiliary_classifiers_are_trained_as_without() -> None:
    torch.manual_seed(0)
    plain = RegionClassifier(2, "paper", 0.25, dropout=0.0).train()
    torch.manual_seed(0)
    design = BoxHeadDesign("agnostic", "4e", 2)
    model = RegionClassifier(2, "paper", 0.25, dropout=0.0, regression=design).train()
    outputs = model(CROPS)
    # The same first weights and, but for dropout in the auxiliary ones, the same three logits.
    torch.testing.assert_close(outputs.logits[0], plain(CROPS)[0], rtol=0, atol=0)
    assert len(outputs.logits) == 3
    assert [*model.state_dict()][: len(plain.state_dict())] == [*plain.state_dict()]


def test_what_is_learned_has_mean_0_and_deviation_1() -> None:
    head = BoxHead(BoxHeadDesign("agnostic", "5b", 1), 6, 3)
    maps = torch.randn(5, 6, 2, 2)
    plain = head(maps)
    mean, std = torch.tensor([0.1, -0.2, 0.3, 0.0]), torch.tensor([0.5, 0.4, 2.0, 1.0])
    head.set_statistics(mean, std)
    torch.testing.assert_close(head(maps), plain * std + mean)


@pytest.mark.parametrize("kind", ["agnostic", "classwise"])
def test_a_stored_network_moves_boxes_alike(tmp_path: Path, kind: str) -> None:
    model, card = moving_network(2, kind)
    save_model(tmp_path / "m.safetensors", model, card)
    again, told = load_model(tmp_path / "m.safetensors", REGION_CLASSIFIER)
    assert told == card
    with torch.no_grad():
        for one, other in zip(again(CROPS), model(CROPS), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
        prepared = prepare_for_inference(again)(CROPS)
        torch.testing.assert_close(prepared.deltas, model(CROPS).deltas, atol=1e-4, rtol=1e-4)


def test_a_card_without_regression_says_nothing_of_it(tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", *network(0))
    card = json.loads((tmp_path / "m.json").read_text())
    assert not [key for key in card if "regression" in key]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"regression": "some"}, "regression: expected one of off, agnostic, classwise"),
        ({"regression_maps": "4d"}, "regression_maps: expected one of 4e, 5b"),
        ({"regression_grid": 0}, "regression_grid: expected a whole number from 1 to 7"),
    ],
)
def test_a_card_of_another_regression_is_refused(changes: dict[str, object], text: str) -> None:
    values = {**moving_network()[1].to_json(), **changes}
    with pytest.raises(DataError, match=text):
        RegionClassifierCard.from_json(values, "card")
    del values["regression_maps"]
    with pytest.raises(DataError, match="'regression_maps' is missing"):
        RegionClassifierCard.from_json(values, "card")


# Of GoogLeNets 4e is 2x2 up to 46 px, 5b 1x1 up to 62; torchvision's pools by 2x2 windows.
@pytest.mark.parametrize(
    ("variant", "maps", "grid", "smallest"),
    [("bn", "4e", 3, 47), ("bn", "5b", 2, 63), ("bn", "5b", 3, 95), ("torchvision", "5b", 3, 79)],
)
def test_a_grid_larger_than_the_maps_is_refused_with_the_smallest_input(
    variant: str, maps: str, grid: int, smallest: int
) -> None:
    design = BoxHeadDesign("agnostic", maps, grid)
    with pytest.raises(DataError) as error:
        check_grid(variant, design, smallest - 1)
    said = str(error.value)
    assert f"{grid}x{grid} places, and the maps {maps} of {variant} are {grid - 1}x" in said
    assert f"at model.input_size {smallest - 1}. Its smallest input for this grid is " in said
    assert f" {smallest} px" in said
    check_grid(variant, design, smallest)
