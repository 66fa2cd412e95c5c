"""`detect train-classifier --ensemble`: what the networks share, how they differ, going on."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from builders import write_voc
from commands import call
from interrupting import start_interrupted
from proposing import propose_randomly
from recipes import TINY_REGION_CLASSIFIER
from safetensors.torch import load_file

from detect.data import open_dataset
from detect.errors import DataError
from detect.stages.members import Members, member_folders

RECIPE = f"""seed = 5
{TINY_REGION_CLASSIFIER}[[ensemble]]
[[ensemble]]
sampling.foreground_iou = 0.4
crops.context = 8.0
[[ensemble]]
model.width = 0.5
initial_seed = 9
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, regions, the recipe, and the ensemble trained by it."""
    root = tmp_path_factory.mktemp("members")
    write_voc(root / "voc", {"train": 5, "val": 2}, seed=1)
    for split in ("train", "val"):
        propose_randomly(open_dataset(root / "voc", split), root / f"{split}.parquet", 60)
    (root / "three.toml").write_text(RECIPE)
    assert _train(root, root / "out", "--ensemble", 3) == 0
    return root


def _arguments(root: Path, out: Path) -> tuple[object, ...]:
    given = ("--split", "train", "--proposals", root / "train.parquet", "--device", "cpu")
    config = ("--config", root / "three.toml", "--out", out)
    return ("train-classifier", root / "voc", *given, *config)


def _train(root: Path, out: Path, *more: object) -> int:
    return call(*_arguments(root, out), *more)


def _weights(folder: Path) -> dict[str, object]:
    return dict(load_file(folder / "weights/last.safetensors"))


def _equal(one: Path, other: Path) -> bool:
    first, second = _weights(one), _weights(other)
    return all(first[name].equal(second[name]) for name in first)  # type: ignore[attr-defined]


def test_every_network_has_a_run_folder_of_its_own(root: Path) -> None:
    record = json.loads((root / "out/ensemble.json").read_text())
    assert record["networks"] == 3
    assert record["finished"] == [{"seed": 5}, {"seed": 6}, {"seed": 7}]
    cards = [json.loads((root / f"out/{n}/weights/best.json").read_text()) for n in (1, 2, 3)]
    assert [card["width"] for card in cards] == [0.25, 0.25, 0.5]
    assert [card["context"] for card in cards] == [16.0, 8.0, 16.0]
    assert [card["recipe"]["seed"] for card in cards] == [5, 6, 7]
    assert [card["recipe"].get("initial_seed") for card in cards] == [None, 5, 9]
    assert "[[ensemble]]" in (root / "out/config.toml").read_text()


def test_the_first_network_is_the_one_trained_alone(root: Path, tmp_path: Path) -> None:
    assert _train(root, tmp_path / "alone") == 0
    assert _equal(tmp_path / "alone", root / "out/1")


def test_its_folder_is_a_model_of_all_networks(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("run", root / "voc", "--split", "val", "--proposals", root / "val.parquet")
    common = ("--no-pictures", "--device", "cpu", "--keep-scores")
    assert call(*run, *common, "--model", root / "out", "--out", tmp_path / "one") == 0
    assert "scores of 3 networks" in capsys.readouterr().out
    each = [word for number in (1, 2, 3) for word in ("--model", root / f"out/{number}")]
    assert call(*run, *common, *each, "--out", tmp_path / "each") == 0
    found = [(tmp_path / name / "detections.json").read_bytes() for name in ("one", "each")]
    assert found[0] == found[1] != b"[\n]\n"
    environment = json.loads((tmp_path / "one/environment.json").read_text())
    assert environment["models"] == ["out/1", "out/2", "out/3"]


@pytest.mark.slow
def test_a_finished_network_is_skipped_and_an_interrupted_one_goes_on(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = ("--ensemble", 3, "--set", "optimizer.steps=12", "--set", "run.save_every=1")
    assert _train(root, tmp_path / "whole", *longer) == 0
    out = tmp_path / "out"
    words = (*_arguments(root, out), *longer)
    process = start_interrupted(out / "2/state.pt", signal.SIGINT, *words)
    _, text = process.communicate(timeout=120)
    assert process.returncode == 1, text
    done = len(json.loads((out / "ensemble.json").read_text())["finished"])
    assert 0 < done < 3
    with pytest.raises(DataError, match=rf"out: {done} of 3 networks of this ensemble are trained"):
        member_folders(out)
    before = (out / "1/weights/best.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    assert _train(root, out, *longer, "--resume") == 0
    assert capsys.readouterr().out.count("finished already") == done
    assert (out / "1/weights/best.safetensors").stat().st_mtime_ns == before
    assert all(_equal(out / number, tmp_path / "whole" / number) for number in "123")
    assert _train(root, out, *longer, "--resume") == 0
    assert capsys.readouterr().out.count("finished already") == 3


def test_going_on_with_another_ensemble_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(root, root / "out", "--ensemble", 4, "--resume") == 4
    assert "--resume needs the ensemble that was begun, of 3 networks; now" in _error(capsys)
    assert _train(root, root / "out", "--resume") == 2
    assert "holds an ensemble of 3 networks. To go on with it give --ensemble 3." in _error(capsys)
    changed = ("--ensemble", 3, "--resume", "--set", "optimizer.steps=9")
    assert _train(root, root / "out", *changed) == 4
    assert "it has 'steps = 2', now 'steps = 9'" in _error(capsys)
    other = ("--split", "val", "--proposals", root / "val.parquet")
    assert _train(root, root / "out", "--ensemble", 3, "--resume", *other) == 4
    assert "out/1 and this command's training were made by different recipes: images" in _error(
        capsys
    )


def test_a_table_that_no_network_can_learn_by_is_said_before_any_is_trained(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "three.toml").write_text(
        RECIPE.replace("foreground_iou = 0.4", "background_iou = [0.29, 0.2900001]")
    )
    config = ("--config", tmp_path / "three.toml", "--ensemble", 3)
    assert _train(root, tmp_path / "out", *config) == 4
    assert "no proposal is background" in _error(capsys)
    assert not (tmp_path / "out").exists()


def test_a_transform_that_does_not_fit_is_said_before_any_is_trained(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "three.toml").write_text(
        f"{RECIPE}augment = {{ more = [{{ name = 'Rotate' }}] }}\n"
    )
    changed = ("--config", tmp_path / "three.toml", "--ensemble", 4)
    assert _train(root, tmp_path / "out", *changed) == 4
    assert "network 3 of --ensemble 4: [[augment.more]] table 1: Rotate changes" in _error(capsys)
    assert not (tmp_path / "out").exists()


def test_weights_that_none_can_begin_with_are_said_before_any_is_trained(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--ensemble", 3, "--init", tmp_path / "away.pth")
    assert _train(root, tmp_path / "out", *given) == 4
    assert "away.pth: no such file. --init takes a state dict" in _error(capsys)
    assert not (tmp_path / "out").exists()


def test_each_network_begins_with_the_one_of_its_number(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--init", root / "out")
    assert _train(root, tmp_path / "out", "--ensemble", 3, *given) == 0
    for number in (1, 2, 3):
        card = json.loads((tmp_path / f"out/{number}/weights/best.json").read_text())
        assert card["recipe"]["init"] == str(root / f"out/{number}")
    capsys.readouterr()
    assert _train(root, tmp_path / "more", "--ensemble", 4, *given) == 2
    assert _error(capsys).endswith(
        f"out has 3 networks, and network 4 of --ensemble is to begin with the one of its number. "
        f"Give --ensemble 3, or one network: --init {root / 'out/1'}."
    )
    assert not (tmp_path / "more").exists()


def test_one_network_takes_the_place_of_an_ensemble(root: Path, tmp_path: Path) -> None:
    Members(tmp_path / "out").begin(3, resume=False)
    assert _train(root, tmp_path / "out", "--exist-ok") == 0
    assert member_folders(tmp_path / "out") == (tmp_path / "out",)


def test_an_ensemble_stays_where_the_network_to_replace_it_cannot_be_trained(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(root / "out", out)
    nothing = ("--set", "sampling.background_iou=[0.29, 0.2900001]")
    assert _train(root, out, "--exist-ok", *nothing) == 4
    assert "no proposal is background" in _error(capsys)
    assert member_folders(out) == (out / "1", out / "2", out / "3")


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the error, which begins the last line or the one before it."""
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("Error: ")
    return lines[-1]
