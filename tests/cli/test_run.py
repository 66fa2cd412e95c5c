"""`detect run` through the command: what it writes, resumes, refuses."""

import json
import signal
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import CLASSES, write_coco, write_voc
from commands import call
from interrupting import start_interrupted
from networks import network
from proposing import propose_randomly

from detect.cli.already import already
from detect.data import open_dataset
from detect.images import read_image
from detect.models import compiled
from detect.models.checkpoints import save_model
from detect.models.device import choose_device, resolve_precision
from detect.storage.detections import read_detections
from detect.storage.proposals import ProposalFile
from detect.storage.scores import ScoresFile

IDS = [f"test_{number:03d}" for number in range(4)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, its proposals and two models."""
    root = tmp_path_factory.mktemp("run")
    write_voc(root / "voc", {"test": 4}, seed=1)
    propose_randomly(open_dataset(root / "voc", "test"), root / "p.parquet")
    for seed in (0, 1):
        save_model(root / f"m{seed}.safetensors", *network(seed))
    return root


@pytest.fixture
def detect(root: Path, tmp_path: Path):
    """Return what calls `detect run` with all it needs on the VOC set."""
    chosen = ["--split", "test", "--model", root / "m0.safetensors"]
    stored = ["--proposals", root / "p.parquet", "--out", tmp_path / "out"]
    return lambda *more: call("run", root / "voc", *chosen, *stored, *more)


def _entries(folder: Path) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = json.loads((folder / "detections.json").read_text())
    return entries


def test_a_split_gives_detections_pictures_and_records(detect, root, tmp_path, capsys):
    assert detect() == 0
    out = tmp_path / "out"
    found = read_detections(out / "detections.json", open_dataset(root / "voc", "test"))
    boxes = sum(map(len, found.values()))
    assert boxes > 0
    printed = capsys.readouterr()
    assert printed.out == f"{out / 'detections.json'}: {boxes} detections in 4 images\n"
    assert "detecting 4/4" in printed.err
    assert {path.name for path in out.iterdir()} == {
        "detections.json", "pictures", "config.toml", "environment.json",
    }  # fmt: skip
    assert sorted(path.stem for path in (out / "pictures").iterdir()) == IDS
    assert min(read_image(out / "pictures/test_000.jpg").shape[:2]) > 96
    recipe = (out / "config.toml").read_text()
    assert "nms = 0.3\n" in recipe
    assert 'method = "random"' in recipe
    assert json.loads((out / "environment.json").read_text())["device"] in ("cpu", "cuda:0")


def test_limits_are_obeyed_and_pictures_can_be_left_out(detect, tmp_path):
    limits = ("--threshold", 0.2, "--per-class", 2, "--nms", 0.1)
    assert detect(*limits, "--no-pictures") == 0
    entries = _entries(tmp_path / "out")
    assert min(float(entry["score"]) for entry in entries) >= 0.2
    counts = [
        sum(e["image_id"] == name and e["category_id"] == category for e in entries)
        for name in IDS
        for category in (1, 2, 3)
    ]
    assert max(counts) == 2
    assert not (tmp_path / "out/pictures").exists()


def test_two_models_are_averaged_whatever_their_order(root, tmp_path):
    models = [("--model", root / "m0.safetensors"), ("--model", root / "m1.safetensors")]
    for name, order in (("a", models), ("b", models[::-1]), ("c", models[:1])):
        arguments = [argument for pair in order for argument in pair]
        stored = ("--proposals", root / "p.parquet", "--out", tmp_path / name, "--no-pictures")
        assert call("run", root / "voc", "--split", "test", *arguments, *stored) == 0
    scores = {
        name: sorted(float(entry["score"]) for entry in _entries(tmp_path / name)) for name in "abc"
    }
    np.testing.assert_allclose(scores["a"], scores["b"], rtol=1e-5)
    assert scores["a"] != scores["c"]


def test_structures_searched_on_the_way_are_those_of_propose(root, tmp_path, monkeypatch, capsys):
    one = tmp_path / "one.txt"
    one.write_text("test_002\n")
    stored = tmp_path / "p.parquet"
    common = ("--split", one, "--preset", "googlenet", "--seed", 5)
    assert call("propose", root / "voc", *common, "--out", stored, "--workers", 1) == 0
    run = ("run", root / "voc", "--model", root / "m0.safetensors", "--no-pictures")
    assert call(*run, *common, "--out", tmp_path / "a") == 0
    assert call(*run, "--split", one, "--proposals", stored, "--out", tmp_path / "b") == 0
    assert _entries(tmp_path / "a") == _entries(tmp_path / "b") != []
    noted = tomllib.loads((tmp_path / "a/config.toml").read_text())["proposals"]
    of_propose = ProposalFile(stored).recipe
    assert noted == {key: of_propose[key] for key in ("method", "parameters", "opencv")}
    # Another OpenCV may search other regions: a run does not go on with it.
    monkeypatch.setattr(cv2, "__version__", "4.0.0")
    assert call(*run, *common, "--out", tmp_path / "a", "--resume") == 4
    assert f"it has 'opencv = \"{noted['opencv']}\"', now" in capsys.readouterr().err


def test_images_without_a_data_set_get_the_models_classes(root, tmp_path, capsys):
    image = root / "voc/JPEGImages/test_001.jpg"
    run = ("run", "--model", root / "m0.safetensors")
    assert call(*run, image, "--out", tmp_path / "single") == 0
    entries = _entries(tmp_path / "single")
    assert {entry["image_id"] for entry in entries} == {"test_001"}
    assert {entry["category_id"] for entry in entries} == {1, 2, 3}
    assert (tmp_path / "single/pictures/test_001.jpg").exists()
    assert "Warning" not in capsys.readouterr().err


def test_a_folder_of_images_takes_stored_proposals(root, tmp_path):
    folder = root / "voc/JPEGImages"
    run = ("run", folder, "--model", root / "m0.safetensors", "--no-pictures")
    assert call(*run, "--proposals", root / "p.parquet", "--out", tmp_path / "out") == 0
    assert {entry["image_id"] for entry in _entries(tmp_path / "out")} == set(IDS)


def test_coco_sets_keep_their_own_ids(root, tmp_path):
    write_coco(tmp_path / "coco", {"val": 2}, CLASSES[::-1])
    propose_randomly(open_dataset(tmp_path / "coco", "val"), tmp_path / "p.parquet")
    run = ("run", tmp_path / "coco", "--split", "val", "--model", root / "m0.safetensors")
    assert call(*run, "--proposals", tmp_path / "p.parquet", "--out", tmp_path / "out") == 0
    entries = _entries(tmp_path / "out")
    assert {entry["image_id"] for entry in entries} == {10, 20}
    assert {entry["category_id"] for entry in entries} == {3, 6, 9}
    assert (tmp_path / "out/pictures/10.jpg").exists()


def test_a_run_stopped_by_a_broken_image_goes_on_when_it_is_repaired(
    detect, root, tmp_path, capsys
):
    assert detect("--no-pictures", "--out", tmp_path / "whole") == 0
    image = root / "voc/JPEGImages/test_002.jpg"
    content = image.read_bytes()
    try:
        image.write_bytes(content[: len(content) // 2])
        assert detect() == 4
    finally:
        image.write_bytes(content)
    assert str(image) in capsys.readouterr().err
    out = tmp_path / "out"
    assert not (out / "detections.json").exists()
    lines = (out / "unfinished.jsonl").read_text().splitlines()
    assert [json.loads(line)["image_id"] for line in lines] == IDS[:2]
    before = (out / ".unfinished/pictures/test_000.jpg").stat().st_mtime_ns
    assert detect("--resume") == 0
    assert _entries(out) == _entries(tmp_path / "whole")
    assert not (out / "unfinished.jsonl").exists()
    assert (out / "pictures/test_000.jpg").stat().st_mtime_ns == before
    assert detect("--resume") == 0
    assert capsys.readouterr().out.endswith(f"{already(out / 'detections.json')}\n")


def test_skip_bad_leaves_a_broken_image_out_and_counts_it(detect, root, tmp_path, capsys):
    image = root / "voc/JPEGImages/test_001.jpg"
    content = image.read_bytes()
    try:
        image.write_bytes(content[:-200])
        assert detect("--skip-bad") == 0
    finally:
        image.write_bytes(content)
    printed = capsys.readouterr()
    assert f"Warning: left out: {image}" in printed.err
    assert "Warning: images left out (--skip-bad): 1." in printed.err
    assert printed.out.endswith("in 3 images\n")
    assert {entry["image_id"] for entry in _entries(tmp_path / "out")} == set(IDS) - {"test_001"}


def test_an_earlier_run_is_not_written_over_unless_told(detect, tmp_path, capsys):
    out = tmp_path / "out"
    assert detect() == 0
    (out / "pictures/stale.jpg").write_bytes(b"of other images")
    assert detect() == 2
    assert f"--out {out} exists already" in capsys.readouterr().err
    assert detect("--exist-ok", "--per-class", 1) == 0
    assert len(_entries(out)) <= 3 * 4
    assert sorted(path.stem for path in (out / "pictures").iterdir()) == IDS


@pytest.mark.parametrize(
    "more", [("--nms", 0.5), ("--model", "m1"), ("--vote", 0.4), ("--kind", "wbf"), ("--mirror",)]
)
def test_resume_refuses_what_would_change_the_detections(detect, root, capsys, more):
    assert detect("--no-pictures") == 0
    more = [root / "m1.safetensors" if word == "m1" else word for word in more]
    assert detect("--resume", *more) == 4
    assert "--resume needs the recipe the run began with; it has" in capsys.readouterr().err


def test_the_precision_is_the_one_used_so_that_another_machine_cannot_mix_two(
    detect, tmp_path, capsys
):
    used = resolve_precision(choose_device("auto"))
    other = "float32" if used == "bfloat16" else "bfloat16"
    assert detect("--no-pictures", "--keep-scores") == 0
    scores = ScoresFile(tmp_path / "out/scores.parquet")
    assert scores.card.precision == used
    assert detect("--no-pictures", "--keep-scores", "--resume", "--precision", used) == 0
    assert detect("--no-pictures", "--keep-scores", "--resume", "--precision", other) == 4
    differing = (
        f"it has 'precision = \"{used}\"', now 'precision = \"{other}\"'; give --precision {used}."
    )
    assert differing in capsys.readouterr().err


def test_resume_refuses_other_images(root, tmp_path, capsys):
    run = ("run", "--model", root / "m0.safetensors", "--out", tmp_path / "out", "--resume")
    stored = ("--proposals", root / "p.parquet", "--no-pictures")
    images = [root / f"voc/JPEGImages/{name}.jpg" for name in IDS]
    assert call(*run, *stored, images[0]) == 0
    (tmp_path / "out/detections.json").unlink()
    line = {"image_id": IDS[0], "boxes": [], "labels": [], "scores": []}
    (tmp_path / "out/unfinished.jsonl").write_text(json.dumps(line) + "\n")
    assert call(*run, *stored, images[1]) == 4
    assert f"holds image {IDS[0]}, which is not among the 1 images" in capsys.readouterr().err


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the error, which has one or two lines."""
    text = capsys.readouterr().err
    assert text.startswith("Error: ")
    assert text.count("\n") <= 2
    return text


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--batch-size", "0"], "--batch-size 0: expected auto or a number from 1 up."),
        (["--batch-size", "many"], "--batch-size many: expected auto"),
        (["--preset", "googlenet"], "--preset and --proposals: stored proposals are not made"),
        (["--device", "tpu"], "--device tpu: expected auto, cpu, cuda or cuda:N."),
        (["--threshold", "1.5"], "--threshold 1.5: expected a probability, from 0 to 1."),
        (["--picture-threshold", "-1"], "--picture-threshold -1: expected a probability"),
        (["--threshold", "nan"], "--threshold nan: expected a finite number."),
        (["--kind", "wbf", "--vote", "0.5"], "--vote means nothing with --kind wbf, whose boxes"),
        (["--vote", "nan"], "--vote nan: expected off, or an IoU above 0 and at most 1."),
        (["--sigma", "1"], "--sigma means nothing with --kind nms. Leave it out."),
        (["--kind", "soft-nms", "--nms", "0.4"], "--nms means nothing with --decay gaussian."),
        (["--kind", "soft-nms", "--svm", "x"], "--kind soft-nms and --svm: soft-nms and wbf need"),
        (["--kind", "hard"], "'hard' is not one of 'nms', 'soft-nms', 'wbf'"),
        (["--precision", "int8"], "'int8' is not one of 'auto', 'float32', 'bfloat16'"),
        (["--compile", "yes"], "'yes' is not one of 'auto', 'on', 'off'"),
        (["--compile", "on", "--svm", "s"], "--compile on and --svm: only a network with its own"),
    ],
)
def test_a_wrong_option_is_a_usage_error(detect, capsys, more, expected):
    assert detect(*more) == 2
    assert expected in _error(capsys)


def _no_compiler(*_):
    raise RuntimeError("Failed to find C compiler.")


def test_compiled_networks_find_the_same_and_auto_compiles_none_on_a_cpu(
    detect, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(compiled, "BACKEND", _no_compiler)
    assert detect("--precision", "float32") == 0
    expected = _entries(tmp_path / "out")
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    assert detect("--precision", "float32", "--compile", "on", "--exist-ok") == 0
    found = _entries(tmp_path / "out")
    assert [one["bbox"] for one in found] == [one["bbox"] for one in expected]
    scores = [[one["score"] for one in entries] for entries in (found, expected)]
    np.testing.assert_allclose(*scores, atol=1e-4)


def test_what_cannot_be_compiled_is_exit_code_3_if_it_was_asked_for(detect, capsys, monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", _no_compiler)
    assert detect("--compile", "on") == 3
    assert "the networks cannot be compiled here" in (said := _error(capsys))
    assert "Failed to find C compiler" in said
    assert "Use --compile off." in said


def test_a_split_of_single_images_is_a_usage_error(root, tmp_path, capsys):
    image = root / "voc/JPEGImages/test_001.jpg"
    run = ("run", image, "--model", root / "m0.safetensors", "--out", tmp_path / "out")
    assert call(*run, "--split", "test") == 2
    assert "--split test: goes with one data set, not with images" in _error(capsys)


def test_missing_things_are_data_errors(root, tmp_path, capsys):
    out = ("--out", tmp_path / "out")
    model = ("--model", root / "m0.safetensors")
    voc = (root / "voc", "--split", "test")
    assert call("run", *voc, "--model", root / "none", *out) == 4
    assert f"{root / 'none'}: no such model" in _error(capsys)
    assert call("run", root / "none.jpg", *model, *out) == 4
    assert str(root / "none.jpg") in _error(capsys)
    assert call("run", root / "voc", "--split", "nope", *model, *out) == 4
    assert "nope" in _error(capsys)
    assert call("run", *voc, *model, "--proposals", root / "none.parquet", *out) == 4
    assert "no such proposals" in _error(capsys)
    assert not (tmp_path / "out").exists()


def test_proposals_of_other_images_are_refused_before_anything_is_written(root, tmp_path, capsys):
    write_voc(tmp_path / "voc", {"other": 1})
    model = ("--model", root / "m0.safetensors", "--out", tmp_path / "out")
    stored = ("--proposals", root / "p.parquet")
    assert call("run", tmp_path / "voc", "--split", "other", *model, *stored) == 4
    assert "no proposals for image other_000" in _error(capsys)
    assert not (tmp_path / "out").exists()
    write_voc(tmp_path / "large", {"test": 1}, size=(100, 140))
    assert call("run", tmp_path / "large", "--split", "test", *model, *stored) == 4
    assert "image test_000 was 128x96 px when proposed, now 140x100" in _error(capsys)


def test_a_model_of_other_classes_is_refused(root, tmp_path, capsys):
    save_model(tmp_path / "m.safetensors", *network(0, classes=("circle", "disc", "star")))
    run = ("run", root / "voc", "--split", "test", "--out", tmp_path / "out")
    assert call(*run, "--model", tmp_path / "m.safetensors") == 4
    assert "classes that the data set does not have: disc, star" in _error(capsys)
    both = ("--model", root / "m0.safetensors", "--model", tmp_path / "m.safetensors")
    assert call(*run, *both) == 4
    assert "the models do not know the same classes" in _error(capsys)


def test_a_data_set_with_more_classes_than_the_model_is_warned_of(root, tmp_path, capsys):
    save_model(tmp_path / "m.safetensors", *network(0, classes=("triangle", "circle")))
    run = ("run", root / "voc", "--split", "test", "--model", tmp_path / "m.safetensors")
    stored = ("--proposals", root / "p.parquet", "--out", tmp_path / "out", "--no-pictures")
    assert call(*run, *stored) == 0
    assert "Warning: the model does not know square: no detections" in capsys.readouterr().err
    assert {entry["category_id"] for entry in _entries(tmp_path / "out")} == {1, 3}


def test_ctrl_c_keeps_what_was_finished_and_resume_goes_on(root, tmp_path):
    write_voc(tmp_path / "voc", {"test": 12}, seed=2)
    propose_randomly(open_dataset(tmp_path / "voc", "test"), tmp_path / "p.parquet", count=500)
    out = tmp_path / "out"
    run = ["run", tmp_path / "voc", "--split", "test", "--model", root / "m0.safetensors"]
    stored = ["--proposals", tmp_path / "p.parquet", "--out", out, "--no-pictures"]
    command = [str(word) for word in (*run, *stored)]
    unfinished = out / "unfinished.jsonl"
    process = start_interrupted(unfinished, signal.SIGINT, *command)
    _, text = process.communicate(timeout=120)
    assert process.returncode == 1
    assert text.endswith("go on with --resume.\n")
    assert "Traceback" not in text
    assert not (out / "detections.json").exists()
    done = len(unfinished.read_text().splitlines())
    assert 0 < done < 12
    assert call(*command, "--resume") == 0
    assert len({entry["image_id"] for entry in _entries(out)}) == 12
