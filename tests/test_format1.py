"""Files of format 1, as commit 2304fcc wrote them, give what they gave (format1/README.md)."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from commands import call
from earlier import CLASSIFY, EXACT, PROPOSE, REFINE, RUN, RUN_SVM, TRAIN, TRAIN_SVM, files
from safetensors.numpy import load_file

from detect.config import RegionClassifierRecipe, load_recipe
from detect.errors import DataError
from detect.formats import FORMAT, VERSION
from detect.proposals.run import check_folder, check_recipe
from detect.runs import RunFolder
from detect.stages.load import load
from detect.storage.proposals import ProposalFile, write_part
from detect.storage.scores import ScoresFile
from detect.structures import FloatArray

__all__ = ["files"]
pytestmark = pytest.mark.usefixtures("files")


def entries(path: str) -> list[tuple[str, int]]:
    return [(one["image_id"], one["category_id"]) for one in json.loads(Path(path).read_text())]


def numbers(path: str) -> FloatArray:
    """Return the detections in `path` as (N, 5): box xywh and score."""
    rows = [[*one["bbox"], one["score"]] for one in json.loads(Path(path).read_text())]
    return np.array(rows, np.float32)


def assert_same_scores(path: str, expected: str) -> None:
    for one, then in zip(ScoresFile(Path(path)), ScoresFile(Path(expected)), strict=True):
        assert (one.image_id, one.size) == (then.image_id, then.size)
        np.testing.assert_array_equal(one.boxes, then.boxes)
        np.testing.assert_allclose(one.scores, then.scores, atol=1e-3)


def assert_same_tensors(path: str, expected: str) -> None:
    one, then = load_file(path), load_file(expected)
    assert one.keys() == then.keys()
    for name, values in then.items():
        # Six steps on another processor, each a little otherwise rounded.
        np.testing.assert_allclose(one[name], values, rtol=0.05, atol=0.01, err_msg=name)


def test_a_region_classifier_scores_as_it_did() -> None:
    assert call(*RUN, "new") == 0
    assert_same_scores("new", "run")


def test_an_image_classifier_answers_as_it_did() -> None:
    assert call(*CLASSIFY, "--json", "new.json") == 0
    (now,), (then,) = (
        json.loads(Path(name).read_text())["images"].values()
        for name in ("new.json", "answers.json")
    )
    assert now == pytest.approx(then, abs=1e-3)


def test_a_multibox_network_proposes_as_it_did() -> None:
    assert call(*PROPOSE) == 0
    made = ProposalFile(Path("new.parquet"))
    for then in ProposalFile(Path("test.parquet")):
        recorded = then.boxes[then.sources == "multibox"]
        apart = np.abs(recorded[:, None] - made.read(then.image_id).boxes).max(axis=2)
        assert len(recorded) > 3
        assert apart.min(axis=1).max() < 0.05  # px; Selective Search's twins were left out.


def test_svms_and_a_regression_give_what_they_gave() -> None:
    assert call(*RUN_SVM) == 0
    assert call(*REFINE) == 0
    for new, old in (
        ("new/detections.json", "run-svm/detections.json"),
        ("new.json", "refined.json"),
    ):
        assert entries(new) == entries(old)
        np.testing.assert_allclose(numbers(new), numbers(old), atol=0.02)


def test_recorded_scores_give_the_runs_own_detections() -> None:
    assert call("ensemble", "run", "--out", "new") == 0
    assert entries("new/detections.json") == entries("run/detections.json")
    np.testing.assert_array_equal(numbers("new/detections.json"), numbers("run/detections.json"))


def test_a_report_of_a_run_knows_its_recipe_and_images() -> None:
    report = ("report", "run", "--data", "voc", "--split", "test", "--proposals", "test.parquet")
    assert call(*report, "--out", "page") == 0
    assert "near_duplicate" in Path("page/index.html").read_text(encoding="utf-8")


def test_a_loaded_ensemble_proposes_as_its_run_notes() -> None:
    now = load("ensemble").source.recipe
    then = ProposalFile(Path("proposals")).recipe
    assert now["parameters"] == then["parameters"]
    assert now["method"] == then["method"] == "selective-search"


def test_an_interrupted_training_goes_on_and_ends_as_the_whole_one() -> None:
    assert torch.load("interrupted/state.pt", weights_only=True)["progress"]["step"] == 2
    assert call(*TRAIN, "interrupted") == 0
    assert_same_tensors(
        "interrupted/weights/best.safetensors", "ensemble/1/weights/best.safetensors"
    )
    state = torch.load("interrupted/state.pt", weights_only=True)
    assert (state["progress"]["step"], state["format"]) == (6, FORMAT)


def test_an_ensemble_is_finished_already(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*TRAIN, "ensemble", "--ensemble", 1) == 0
    assert "ensemble/1: finished already (1 of 1)" in capsys.readouterr().out


def test_an_interrupted_run_goes_on_and_ends_as_the_whole_one() -> None:
    first = json.loads(Path("half/unfinished.jsonl").read_text())
    assert call(*RUN, "half", "--resume") == 0
    assert_same_scores("half", "run")
    found = json.loads(Path("half/detections.json").read_text())
    kept = [one["score"] for one in found if one["image_id"] == first["image_id"]]
    assert kept == first["scores"]


def test_interrupted_svms_go_on_and_end_as_the_whole_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(*TRAIN_SVM, "half.safetensors") == 0
    now, then = load_file("half.safetensors"), load_file("svm.safetensors")
    np.testing.assert_array_equal(now["positives"], then["positives"])
    np.testing.assert_allclose(now["scale"], then["scale"], rtol=1e-3)
    assert call(*TRAIN_SVM, "svm.safetensors") == 0
    assert "already complete: svm.safetensors" in capsys.readouterr().out


def test_parts_of_both_formats_are_of_one_recipe() -> None:
    folder = Path("proposals")
    stored = ProposalFile(folder)
    write_part(folder / "part-00001.parquet", ProposalFile(Path("test.parquet")), stored.recipe)
    assert len(ProposalFile(folder)) == 7
    check_folder(folder, stored.recipe)
    check_recipe(folder / "part-00000.parquet", stored.recipe)
    write_part(folder / "part-00001.parquet", [], {**stored.recipe, "method": "both"})
    with pytest.raises(DataError, match="different recipes: method selective-search and both"):
        ProposalFile(folder)


def test_the_recipe_of_a_run_of_either_format_is_a_recipe() -> None:
    config = Path("ensemble/1/config.toml")
    recipe = load_recipe(RegionClassifierRecipe, Path("region.toml"))
    assert load_recipe(RegionClassifierRecipe, config) == recipe
    RunFolder(Path("new")).write_config(config.read_text())
    assert (
        Path("new/config.toml").read_text().startswith(f'format = {FORMAT}\ndetect = "{VERSION}"')
    )
    assert load_recipe(RegionClassifierRecipe, Path("new/config.toml")) == recipe


def test_proposals_made_before_there_was_a_choice_of_search_are_gone_on_with(capsys) -> None:
    stored = ProposalFile(Path("proposals"))
    boxes = [proposals.boxes for proposals in stored]
    arguments = ("propose", "voc", "--split", "train", "--workers", 1, "--out")
    assert stored.recipe["opencv"] != cv2.__version__ or (
        call(*arguments, "proposals", "--resume") == 0
    )
    assert call(*arguments, "own") == 0
    for now, then in zip(ProposalFile(Path("own")), boxes, strict=True):
        np.testing.assert_array_equal(now.boxes, then)


def test_a_run_that_proposed_before_there_was_a_choice_of_search_is_complete(capsys) -> None:
    arguments = ("run", "voc", "--split", "test", "--model", "ensemble/1", *EXACT, "--no-pictures")
    assert call(*arguments, "--search", "opencv", "--out", "mine") == 0
    recipe = RunFolder(Path("mine")).recipe("run recipe")["proposals"]
    assert "search" not in recipe["parameters"]
    capsys.readouterr()
    assert call(*arguments, "--out", "mine", "--resume") == 0
    assert "already complete" in capsys.readouterr().out
    assert call(*arguments, "--out", "mine", "--resume", "--search", "own") == 4
