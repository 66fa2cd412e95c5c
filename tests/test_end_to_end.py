"""The four commands on generated photographs: propose, train, run, score, and look."""

import json
from pathlib import Path

import cv2
import pytest
from builders import write_voc

from detect.cli import main

SMOKE = Path(__file__).parents[1] / "configs/smoke.toml"


def call(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 0


def test_from_photographs_to_a_scored_detector(tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data", {"train": 16, "test": 6}, seed=4)
    for split in ("train", "test"):
        call("propose", data, "--split", split, "--out", tmp_path / split, "--workers", 1)
    training = ["--split", "train", "--proposals", tmp_path / "train", "--config", SMOKE]
    call("train-classifier", data, *training, "--out", tmp_path / "model", "--device", "cpu")
    testing = ["--split", "test", "--proposals", tmp_path / "test"]
    found = tmp_path / "found"
    call("run", data, *testing, "--model", tmp_path / "model", "--out", found, "--device", "cpu")
    detections, scores = found / "detections.json", tmp_path / "map.json"
    given = ["--data", data, "--split", "test"]
    call("eval", "--map", *given, "--detections", detections, "--protocol", "all", "--json", scores)
    result = json.loads(scores.read_text())
    assert set(result) == {"voc2007", "voc2012", "ilsvrc", "coco"}
    assert result["voc2012"]["map"] > 0.3
    assert result["coco"]["map_50_95"] <= result["coco"]["map"]
    proposals, recall = ["--proposals", tmp_path / "test"], tmp_path / "recall.json"
    call("eval", "--recall", *given, *proposals, "--json", recall)
    assert json.loads(recall.read_text())["coverage"]["all"]["0.50"] > 0.9
    for shown in (["--detections", detections], proposals, ["--ground-truth"]):
        out = tmp_path / shown[0].lstrip("-")
        call("visualize", *given, *shown, "--out", out)
        pictures = sorted(out.glob("*.jpg"))
        assert len(pictures) == 6
        assert cv2.imread(str(pictures[0])) is not None
