"""A detector's folder: what it says is what is done, unless the caller says otherwise."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import write_voc
from detectors import THRESHOLDS, write_detector

from detect.ensemble.combination import Combination
from detect.errors import DataError, UsageError
from detect.stages import run
from detect.stages.detector_folder import (
    Looks,
    detector_among,
    read_detector,
    selection_of,
    with_detector,
)
from detect.stages.load import LoadOptions, load
from detect.stages.run import RunOptions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set `voc` and a detector `d` of two networks."""
    root = tmp_path_factory.mktemp("detectors")
    write_voc(root / "voc", {"test": 2}, seed=1)
    write_detector(root / "d")
    return root


def options(folder: Path, **more: object) -> RunOptions:
    told = {"images": folder / "voc", "split": "test", "model": folder / "d", "out": folder / "o"}
    return RunOptions(**{**told, **more})  # type: ignore[arg-type]


def test_a_card_comes_back(folder) -> None:
    detector = read_detector(folder / "d")
    assert detector.card.thresholds == THRESHOLDS
    assert [path.name for path in detector.networks] == ["1.safetensors", "2.safetensors"]


def test_the_detector_says_what_the_caller_does_not(folder) -> None:
    detector = detector_among((folder / "d",))
    told = with_detector(options(folder), detector)
    assert (told.method, told.preset, told.seed) == ("selective-search", "googlenet", 3)
    assert (told.kind, told.vote, told.nms, told.mirror, told.rounds) == (
        "nms", 0.5, 0.4, True, 1,
    )  # fmt: skip
    given = with_detector(options(folder, vote="off", mirror=False, preset="rcnn"), detector)
    assert (given.vote, given.mirror, given.nms, given.preset) == ("off", False, 0.4, "rcnn")
    other = with_detector(options(folder, kind="wbf"), detector)
    assert (other.kind, other.vote) == ("wbf", "off")
    again = with_detector(options(folder, search="opencv", seed=7), detector)
    assert (again.search, again.seed, again.preset) == ("opencv", 7, "googlenet")
    stored = with_detector(options(folder, proposals=folder / "p"), detector)
    assert not stored.gave("preset", "method", "search", "seed")


def test_loading_it_finds_what_running_it_does(folder, tmp_path) -> None:
    shutil.copytree(folder / "d", tmp_path / "copied")
    found = load(tmp_path / "copied", precision="float32")(
        sorted((folder / "voc/JPEGImages").glob("*.jpg"))
    )
    result = run(
        folder / "voc", split="test", model=folder / "d", out=tmp_path / "out",
        precision="float32", pictures=False,
    )  # fmt: skip
    rows = json.loads(result.path.read_text())
    assert len(rows) == sum(map(len, found)) > 0
    scores = np.sort([row["score"] for row in rows])
    np.testing.assert_allclose(np.sort(np.concatenate([one.scores for one in found])), scores)
    first = found[0]
    assert first.thresholds == tuple(THRESHOLDS.values())
    shown = first.above()
    assert len(shown) == sum(score >= THRESHOLDS[name] for _, name, score in first)
    assert len(first.above(0.0)) == len(first)


def test_a_part_that_was_not_copied_is_named(folder, tmp_path) -> None:
    shutil.copytree(folder / "d", tmp_path / "d")
    (tmp_path / "d/networks/2.safetensors").unlink()
    with pytest.raises(DataError, match=r"2\.safetensors: missing, .* Copy the whole folder again"):
        read_detector(tmp_path / "d")


def test_another_model_in_its_place_is_refused(folder, tmp_path) -> None:
    shutil.copytree(folder / "d", tmp_path / "d")
    first, second = (tmp_path / "d/networks" / f"{n}.safetensors" for n in (1, 2))
    for end in (".safetensors", ".json"):
        shutil.copy(second.with_suffix(end), first.with_suffix(end))
    with pytest.raises(DataError, match=r"1\.safetensors: another model than the one this"):
        read_detector(tmp_path / "d")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("thresholds", {"circle": 0.5}, "thresholds of other classes"),
        ("networks", [], "networks"),
        ("networks", [{"file": "../../x.safetensors", "hash": "0"}], "networks.0.file"),
        ("method", "guess", "method"),
        ("method", "both", "multibox"),
        ("extra", 1, "extra"),
        ("looks", {"mirror": False, "rounds": 11, "again": 100}, "looks.rounds: .* equal to 10"),
    ],
)
def test_a_card_that_is_wrong_says_where(folder, tmp_path, name, value, words) -> None:
    shutil.copytree(folder / "d", tmp_path / "d")
    path = tmp_path / "d/detector.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(DataError, match=rf"detector\.json: not the card of a detector \({words}"):
        read_detector(tmp_path / "d")


def test_classes_of_another_network_are_refused(folder, tmp_path) -> None:
    shutil.copytree(folder / "d", tmp_path / "d")
    path = tmp_path / "d/detector.json"
    names = {"classes": ["a", "b", "c"], "thresholds": {"a": 0.5, "b": 0.5, "c": 0.5}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **names}))
    with pytest.raises(DataError, match=r"\(classes: not those of networks/1\.safetensors\)"):
        read_detector(tmp_path / "d")


def test_what_was_chosen_for_probabilities_is_not_for_svms(folder) -> None:
    detector = read_detector(folder / "d")
    card = replace(
        detector.card,
        selection=selection_of(Combination(kind="soft-nms")),
        looks=Looks(mirror=True, rounds=2, again=50),
    )
    changed = replace(detector, card=card)
    svm = with_detector(options(folder, svm=folder / "svm"), changed)
    assert (svm.kind, svm.rounds, svm.mirror) == ("nms", 1, True)
    plain = with_detector(options(folder), changed)
    assert (plain.kind, plain.rounds, plain.again) == ("soft-nms", 2, 50)
    # What a regression file moves, networks do not.
    told = LoadOptions(model=(folder / "d",), regression=folder / "r")
    assert with_detector(told, changed).rounds == 1


def test_other_multibox_networks_are_not_taken_in_silence(folder) -> None:
    with pytest.raises(UsageError, match="whole detector, which says what proposes: leave multi"):
        load(folder / "d", multibox=[folder / "other"])


def test_a_detector_among_networks_is_refused(folder) -> None:
    with pytest.raises(UsageError, match="is a whole detector: give it alone"):
        detector_among((folder / "d", folder / "d/networks/1.safetensors"))
