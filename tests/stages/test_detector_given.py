"""A detector's folder given to other stages: plan, report, ensemble, refine, parts' trainings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_voc
from detectors import write_detector

from detect.costs.stage_costs import ProposeFigures, RunFigures
from detect.data import open_dataset
from detect.errors import DataError, DetectWarning, UsageError
from detect.models.box_regression import BoxRegression
from detect.models.checkpoints import Fitted, save_fitted
from detect.models.kinds import BOX_REGRESSION
from detect.models.model_files import model_hash
from detect.progress import SILENT
from detect.stages import ensemble, plan, refine, report, run, train_regression, train_svm
from detect.stages.train.choosing import SELECTIONS
from detect.stages.train.work import Work, read_record, write_record
from detect.storage.detections import read_detections


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, a detector `d` of two networks and `one` of one."""
    root = tmp_path_factory.mktemp("given")
    write_voc(root / "voc", {"test": 3}, seed=1)
    write_detector(root / "d")
    write_detector(root / "one", networks=1)
    return root


def test_planning_with_it_is_planning_its_run(root) -> None:
    result = plan(root / "voc", split="test", model=root / "d", device="cpu", reporter=SILENT)
    proposing, running = result.stages
    assert (proposing.command, running.command) == ("propose", "run")
    assert isinstance(proposing.figures, ProposeFigures)
    assert isinstance(running.figures, RunFigures)
    assert (running.figures.images, running.figures.networks, running.figures.mirror) == (
        3,
        2,
        True,
    )
    assert running.figures.regions_per_image == proposing.figures.boxes_per_image
    assert proposing.disk == 0
    other = plan(
        root / "voc", split="test", model=root / "d", preset="rcnn", mirror=False, device="cpu",
        reporter=SILENT,
    )  # fmt: skip
    assert isinstance(other.stages[1].figures, RunFigures)
    assert not other.stages[1].figures.mirror
    assert other.stages[1].figures.regions_per_image > running.figures.regions_per_image


def test_what_is_of_training_is_no_part_of_planning_with_it(root) -> None:
    with pytest.raises(UsageError, match=r"^folds means nothing with model, which is trained"):
        plan(root / "voc", split="test", model=root / "d", folds=2)
    with pytest.raises(UsageError, match=r"^config is missing: .* Or give a model to detect with"):
        plan(root / "voc", split="test")


def test_the_report_has_words_for_every_way_to_select(tmp_path) -> None:
    figures = {f"once/{name}": {"AP50": 0.4, "AP": 0.2} for name in SELECTIONS}
    path = write_detector(tmp_path / "d") / "choices.json"
    record = read_record(path)
    record["steps"]["selection"]["result"] = {
        "tried": figures, "looks": "once", "selection": "soft-nms-vote-80"
    }  # fmt: skip
    write_record(path, record)
    text = report(tmp_path / "d", out=tmp_path / "page").page.read_text()
    for name, selection in SELECTIONS.items():
        words = "soft-NMS" if name.startswith("soft") else "NMS"
        voted = "" if selection["vote"] == "off" else f", voted from IoU {selection['vote']}"
        assert text.count(f"<td>{words}{voted}</td>") == 1


def test_the_report_shows_what_its_choices_were_made_on(root, tmp_path) -> None:
    shutil.copytree(root / "d", tmp_path / "copied", ignore=shutil.ignore_patterns("work"))
    page = report(tmp_path / "copied", out=tmp_path / "page").page
    text = " ".join(page.read_text().split())
    for row in (
        '<td>MultiBox alone</td><td class="number">200</td><td class="number">91.0 %</td>',
        '<tr class="yours"><td>halved Selective Search, then what MultiBox adds</td>',
        '<tr class="yours"><td>mirrored too</td><td>NMS, voted from IoU 0.5</td>'
        '<td class="number">50.0 %</td><td class="number">25.0 %</td>'
        '<td class="number">37.5 %</td>',
        '<td>square</td><td class="number">0.30</td>',
        "those of the <strong>held-out fit</strong>",
    ):
        assert row in text
    said = json.loads((tmp_path / "page/report.json").read_text())
    assert said["detector"]["thresholds"] == {"circle": 0.2, "square": 0.3, "triangle": 0.4}
    assert said["steps"]["source"]["result"]["chosen"] == "both"


def test_a_report_takes_it_alone(root, tmp_path) -> None:
    with pytest.raises(UsageError, match=r"d is a detector: its report .* takes out alone"):
        report(root / "d", data=root / "voc", out=tmp_path)
    with pytest.raises(UsageError, match=r"^data is missing: the data that the runs detected in"):
        report(root / "voc", out=tmp_path)
    shutil.copytree(root / "d", tmp_path / "d")
    record = tmp_path / "d/choices.json"
    record.write_text(record.read_text().replace("0.91", "0.99"))
    with pytest.raises(
        DataError, match=r"choices\.json: not the record of a training as it was.* Copy the whole"
    ):
        report(tmp_path / "d", out=tmp_path / "page")
    Work(tmp_path / "begun", {}, resume=False).copy_record(record)
    with pytest.raises(DataError, match=r"choices\.json: of a training that did not end"):
        report(tmp_path / "d", out=tmp_path / "page")


def test_ensemble_detects_with_it_first(root, tmp_path) -> None:
    told = {"data": root / "voc", "split": "test", "device": "cpu", "reporter": SILENT}
    result = ensemble(root / "d", out=tmp_path / "e", **told)
    assert result.names == ("d/1", "d/2")
    assert result.curve is not None
    assert len(result.curve.alone) == 2
    own = run(
        root / "voc", split="test", model=root / "d", out=tmp_path / "r", pictures=False,
        device="cpu", reporter=SILENT,
    )  # fmt: skip
    # Unless told otherwise it is the detector: the same boxes, its selection.
    assert json.loads(result.path.read_text()) == json.loads(own.path.read_text())
    single = ensemble(root / "d", out=tmp_path / "s", models=(0,), **told)
    assert single.networks == (0,)


def test_ensemble_with_it_asks_for_images(root, tmp_path) -> None:
    with pytest.raises(UsageError, match="is a detector, which keeps no scores: give data to"):
        ensemble(root / "d", out=tmp_path / "e")
    with pytest.raises(UsageError, match=r"weights=1: expected 2 numbers"):
        ensemble(root / "d", out=tmp_path / "e", data=root / "voc", split="test", weights="1")
    with pytest.raises(UsageError, match="device means nothing where scores are kept"):
        ensemble(root / "voc", out=tmp_path / "e", device="cpu")


def test_refine_takes_one_with_one_network(root, tmp_path) -> None:
    network = root / "one/networks/1.safetensors"
    weights = np.zeros((len(CLASSES), 257, 4))
    fitted = Fitted(
        BoxRegression(1.0, weights, np.full(len(CLASSES), 9)), CLASSES, model_hash(network)
    )
    save_fitted(tmp_path / "r.safetensors", BOX_REGRESSION, fitted)
    data = open_dataset(root / "voc", "test")
    entry = {
        "image_id": data.samples[0].image_id,
        "category_id": 1,
        "bbox": [1, 2, 9, 9],
        "score": 1,
    }
    (tmp_path / "found.json").write_text(json.dumps([entry]))
    told = {
        "data": root / "voc", "split": "test", "detections": tmp_path / "found.json",
        "regression": tmp_path / "r.safetensors", "out": tmp_path / "moved.json", "device": "cpu",
    }  # fmt: skip
    refine(model=root / "one", **told)
    assert len(read_detections(tmp_path / "moved.json", data)[data.samples[0].image_id]) == 1
    with pytest.raises(
        UsageError, match=r"2 networks, and a regression takes .* one\. Name it: mod"
    ):
        refine(model=root / "d", **{**told, "out": tmp_path / "other.json"})


@pytest.mark.parametrize("stage", [train_regression, train_svm])
def test_what_learns_from_features_needs_one_network(root, tmp_path, stage) -> None:
    with pytest.raises(UsageError, match=r"2 networks, and .* the features of one"):
        stage(
            root / "voc", split="test", proposals=tmp_path / "p", model=root / "d",
            out=tmp_path / "o.safetensors",
        )  # fmt: skip


def test_a_class_that_the_detector_does_not_know_is_drawn_without_a_threshold(tmp_path) -> None:
    write_voc(tmp_path / "voc", {"test": 1}, (*CLASSES, "unicorn"), seed=1)
    detector = write_detector(tmp_path / "d", networks=1)
    with pytest.warns(DetectWarning, match="the model does not know unicorn: no detections of"):
        run(tmp_path / "voc", split="test", model=detector, out=tmp_path / "found")
    assert len(list((tmp_path / "found/pictures").iterdir())) == 1
