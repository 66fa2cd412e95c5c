"""Models on disk: what is read is what was written, or an error that says why not."""

import hashlib
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from faults.children import end_before
from networks import network

from detect.errors import DataError
from detect.models.cards import RegionClassifierCard
from detect.models.checkpoints import load_model, save_model
from detect.models.kinds import REGION_CLASSIFIER
from detect.models.model_files import model_hash
from detect.models.normalised import IMAGENET_MEAN, IMAGENET_STD
from detect.models.region_classifier import RegionClassifier
from detect.models.tensor_files import opened_tensors, write_tensors
from detect.together import workplace

CARD = RegionClassifierCard(
    variant="bn",
    width=0.25,
    classes=("cat", "dög"),
    input_size=32,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    context=16.0,
    crop_mode="warp",
    image_side=0,
    recipe={"seed": 1},
    metrics={"map": 0.5},
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run folder with a model in weights/best."""
    torch.manual_seed(0)
    save_model(tmp_path / "weights/best.safetensors", RegionClassifier(2, "bn", 0.25), CARD)
    return tmp_path


def _edit_card(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write the model anew with another card, without its copy."""
    path = run / "weights/best.safetensors"
    with opened_tensors(path) as file:
        card = dict(file.card or {})
    change(card)
    content = safetensors.torch.save(safetensors.torch.load(path.read_bytes()))
    write_tensors(path, card, content)
    path.with_suffix(".json").unlink(missing_ok=True)


def _as_format_1(run: Path) -> Path:
    """Write the model anew as format 1 had it, and return its card."""
    path = run / "weights/best.safetensors"
    content = safetensors.torch.save(safetensors.torch.load(path.read_bytes()))
    path.write_bytes(content)
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    del card["format"], card["detect"]
    path.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
    return path.with_suffix(".json")


def test_a_model_survives_the_disk_without_its_auxiliary_classifiers(tmp_path: Path) -> None:
    model = RegionClassifier(2, "bn", 0.25).to(memory_format=torch.channels_last)
    path = tmp_path / "weights/best.safetensors"
    save_model(path, model, CARD)
    crops = torch.rand(2, 3, 32, 32) * 255
    expected = model.eval()(crops)
    for name in (tmp_path, path, path.with_suffix("")):
        random = torch.random.get_rng_state()
        loaded, card = load_model(name, REGION_CLASSIFIER)
        assert torch.equal(torch.random.get_rng_state(), random)
        assert card == CARD
        assert not loaded.training
        assert not loaded.network.has_auxiliary
        torch.testing.assert_close(loaded(crops), expected, rtol=1e-5, atol=1e-6)
    assert sorted(file.name for file in path.parent.iterdir()) == ["best.json", "best.safetensors"]


def test_the_hash_is_of_the_weights(run: Path) -> None:
    before = model_hash(run)
    assert len(before) == 16
    assert model_hash(run / "weights/best.safetensors") == before
    model, card = load_model(run, REGION_CLASSIFIER)
    save_model(run / "weights/best.safetensors", model, replace(card, metrics={"map": 0.6}))
    assert model_hash(run) == before
    model.network.fc.bias.data += 1
    save_model(run / "weights/best.safetensors", model, card)
    assert model_hash(run) != before


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no/run: no such model\. Expected a run folder"):
        load_model(tmp_path / "no/run", REGION_CLASSIFIER)
    with pytest.raises(DataError, match=r"has no weights/best\.safetensors.*with resume\."):
        load_model(tmp_path, REGION_CLASSIFIER)


def test_truncated_weights_are_refused(run: Path) -> None:
    path = run / "weights/best.safetensors"
    for size in (0, 100, path.stat().st_size - 4):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(DataError, match=r"best\.safetensors: not a complete \.safetensors"):
            load_model(run, REGION_CLASSIFIER)


def test_a_missing_card_is_said(run: Path) -> None:
    _as_format_1(run).unlink()
    with pytest.raises(DataError, match=r"best\.json: the model's card is missing.*copy both"):
        load_model(run, REGION_CLASSIFIER)


def test_weights_of_another_training_are_refused(run: Path) -> None:
    other = run / "weights/last.safetensors"
    save_model(other, RegionClassifier(2, "bn", 0.25), CARD)
    _as_format_1(run)
    content = safetensors.torch.save(safetensors.torch.load(other.read_bytes()))
    (run / "weights/best.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"not the weights its card best\.json describes"):
        load_model(run, REGION_CLASSIFIER)


def test_a_card_of_other_classes_is_refused(run: Path) -> None:
    _edit_card(run, lambda card: card.update(classes=["cat", "dog", "cow"]))
    with pytest.raises(DataError, match="its card names 3 classes, the weights are of 2"):
        load_model(run, REGION_CLASSIFIER)


def test_a_card_of_another_network_is_refused(run: Path) -> None:
    _edit_card(run, lambda card: card.update(width=0.5))
    expected = r"tensor network\.\S+: its card needs \[\d+\] float32, the file has \[\d+\] float32"
    with pytest.raises(DataError, match=expected):
        load_model(run, REGION_CLASSIFIER)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"colour": 1},
            r"best\.safetensors: unknown key 'colour'; is this card of",
        ),
        ({"kind": "multibox"}, r"not the card of a region classifier \(kind is 'multibox'\)"),
        ({"variant": "vgg"}, "variant: expected paper, bn, torchvision or timm/NAME, got 'vgg'"),
        (
            {"variant": ["bn"]},
            r"variant: expected paper, bn, torchvision or timm/NAME, got \['bn'\]",
        ),
        ({"width": 0}, "width: expected a positive number up to 4, got 0"),
        ({"width": True}, "width: expected a positive number up to 4, got True"),
        ({"classes": []}, r"classes: expected 1 to 100,000 different class names, got \(\)"),
        ({"classes": ["a", "a"]}, "classes: expected 1 to 100,000 different class names"),
        ({"classes": "ab"}, "classes: expected 1 to 100,000 different class names, got 'ab'"),
        ({"input_size": 31}, "input_size: expected a whole number from 32 to 1024, got 31"),
        ({"mean": [1, 2]}, r"mean: expected three numbers, got \(1, 2\)"),
        ({"std": [1, 2, 0]}, r"std: expected three positive numbers, got \(1, 2, 0\)"),
        ({"kind": []}, r"not the card of a region classifier \(kind is \[\]\)"),
        ({"input_size": 10**9}, "input_size: expected a whole number from 32 to 1024"),
        ({"width": 1e9}, "width: expected a positive number up to 4"),
        ({"classes": ["x" * 256]}, "classes: expected 1 to 100,000 different class names"),
        ({"std": [1, 2, 1e-300]}, r"std: expected three positive numbers"),
        ({"mean": [1, 2, 3]}, r"card\.mean: \(1, 2, 3\), the model has \[123"),
        ({"context": 112}, "context: expected a number from 0, below 112, got 112"),
        ({"context": "16"}, "context: expected a number from 0, below 112, got '16'"),
        ({"crop_mode": "fill"}, "crop_mode: expected one of warp, square, got 'fill'"),
        ({"image_side": -1}, "image_side: expected a whole number from 0, got -1"),
        ({"recipe": None}, "recipe: expected a table, got None"),
    ],
)
def test_a_wrong_card_is_said(run: Path, values: dict[str, object], message: str) -> None:
    _edit_card(run, lambda card: card.update(values))
    with pytest.raises(DataError, match=message):
        load_model(run, REGION_CLASSIFIER)


def test_a_card_with_a_key_less_or_no_json_is_said(run: Path) -> None:
    path = _as_format_1(run)
    values = json.loads(path.read_text())
    del values["context"]
    path.write_text(json.dumps(values))
    with pytest.raises(DataError, match="key 'context' is missing"):
        load_model(run, REGION_CLASSIFIER)
    path.write_text("{")
    with pytest.raises(DataError, match=r"best\.json: not valid JSON"):
        load_model(run, REGION_CLASSIFIER)
    path.write_text("[1]")
    with pytest.raises(DataError, match=r"best\.json: expected a model's card, a JSON object"):
        load_model(run, REGION_CLASSIFIER)


def test_saving_checks_its_arguments(tmp_path: Path) -> None:
    model = RegionClassifier(2, "bn", 0.25)
    path = tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match=r"classes=1, .*, the model has .*classes=2, "):
        save_model(path, model, replace(CARD, classes=("cat",)))
    with pytest.raises(ValueError, match=r"card\.mean: \(1, 2, 3\), the model has \[123"):
        save_model(path, model, replace(CARD, mean=(1, 2, 3)))
    with pytest.raises(ValueError, match=r"ending in \.safetensors"):
        save_model(tmp_path / "m", model, CARD)
    assert list(tmp_path.iterdir()) == []


def test_the_same_model_is_the_same_bytes_and_its_copy_says_what_its_header_does(run: Path) -> None:
    path = run / "weights/best.safetensors"
    before = path.read_bytes()
    model, card = load_model(run, REGION_CLASSIFIER)
    save_model(path, model, card)
    assert path.read_bytes() == before
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata()["card"] == path.with_suffix(".json").read_text(encoding="utf-8")
    assert safetensors.torch.load_file(path).keys() == model.state_dict().keys()


def test_the_hash_is_that_of_the_file_of_format_1(run: Path) -> None:
    before = model_hash(run)
    _as_format_1(run)
    content = (run / "weights/best.safetensors").read_bytes()
    assert model_hash(run) == before == hashlib.sha256(content).hexdigest()[:16]
    assert load_model(run, REGION_CLASSIFIER)[1] == CARD


def test_a_model_needs_no_copy_and_one_of_other_weights_does_not_count(run: Path) -> None:
    copy = run / "weights/best.json"
    earlier = copy.read_text(encoding="utf-8")
    other = replace(CARD, classes=("dog", "cow"))
    save_model(run / "weights/best.safetensors", RegionClassifier(2, "bn", 0.25), other)
    copy.write_text(earlier, encoding="utf-8")  # As a process leaves it, killed between the two.
    assert load_model(run, REGION_CLASSIFIER)[1] == other
    copy.unlink()
    assert load_model(run, REGION_CLASSIFIER)[1] == other


def test_a_process_killed_at_any_change_of_files_leaves_the_earlier_model_or_the_new(
    run: Path,
) -> None:
    path, found = run / "weights/best.safetensors", []
    earlier, new = load_model(run, REGION_CLASSIFIER)[0], RegionClassifier(2, "bn", 0.25)
    card = replace(CARD, classes=("dog", "cow"))
    for number in itertools.count(1):
        save_model(path, earlier, CARD)
        child = os.fork()
        if child == 0:
            end_before(number)
            save_model(path, new, card)
            os._exit(0)
        killed = os.waitpid(child, 0)[1]
        read, said = load_model(run, REGION_CLASSIFIER)
        assert said in (CARD, card)
        expected = earlier if said == CARD else new
        assert torch.equal(read.network.fc.weight, expected.network.fc.weight)
        found.append(said == card)
        if not killed:
            break
    assert found == sorted(found)
    assert found[0] is False
    assert found[-2:] == [True, True]  # Killed before its copy is written, and not at all.


def test_a_copy_changed_by_hand_is_said(run: Path) -> None:
    copy = run / "weights/best.json"
    values = json.loads(copy.read_text(encoding="utf-8"))
    copy.write_text(json.dumps({**values, "metrics": {}}))  # Of another moment of the training.
    assert load_model(run, REGION_CLASSIFIER)[1] == CARD
    copy.write_text(json.dumps({**values, "input_size": 64}))
    with pytest.raises(
        DataError, match=r"best\.json: input_size: expected 32, got 64\..*remove it"
    ):
        load_model(run, REGION_CLASSIFIER)
    copy.write_text("{")
    with pytest.raises(DataError, match=r"best\.json: not valid JSON.*remove it"):
        load_model(run, REGION_CLASSIFIER)


def test_weights_in_half_precision_are_refused(run: Path) -> None:
    path = run / "weights/best.safetensors"
    state = safetensors.torch.load(path.read_bytes())
    content = safetensors.torch.save({name: value.half() for name, value in state.items()})
    path.write_bytes(content)
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    card["weights_sha256"] = hashlib.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(DataError, match=r"float32, the file has \[3\] float16"):
        load_model(run, REGION_CLASSIFIER)


def test_a_run_killed_in_its_last_move_has_its_new_weights(tmp_path: Path) -> None:
    run = tmp_path / "run"
    save_model(run / "weights/best.safetensors", *network(0))
    before = model_hash(run)
    folder = workplace(run, earlier=True, resume=False)
    save_model(folder / "weights/best.safetensors", *network(1))
    assert model_hash(run) == before
    folder.rename(run / ".complete")  # as `commit` does, which is killed here
    assert model_hash(run) != before
    assert not (run / ".complete").exists()
