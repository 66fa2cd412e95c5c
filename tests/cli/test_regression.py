"""`detect train-regression` and `detect refine` as they are typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import write_voc
from networks import network

from detect.boxes import iou_matrix
from detect.cli import main
from detect.data import open_dataset
from detect.models.checkpoints import save_model
from detect.storage.detections import read_detections, write_detections
from detect.storage.proposals import write_proposals
from detect.structures import Detections, FloatArray, Proposals


def _detect(
    capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0
) -> tuple[str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    output = capsys.readouterr()
    assert stop.value.code == code, output.err
    return output.out, output.err


def beside(boxes: FloatArray) -> FloatArray:
    """Move boxes to the right by a fifth of their width."""
    width = boxes[:, 2] - boxes[:, 0]
    return boxes + np.stack([width, 0 * width, width, 0 * width], 1) * np.float32(0.2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a VOC set, a network, and proposals and detections that lie beside the objects."""
    root = tmp_path_factory.mktemp("regression")
    write_voc(root / "voc", {"train": 4, "test": 2}, seed=3)
    save_model(root / "m.safetensors", *network())
    train, test = (open_dataset(root / "voc", split) for split in ("train", "test"))
    proposals = []
    for sample in train.samples:
        boxes = np.tile(beside(sample.annotations.boxes), (4, 1))
        names = np.array(["beside"] * len(boxes))
        one = Proposals(sample.image_id, sample.size, boxes, np.ones(len(boxes)), names)
        proposals.append(one)
    write_proposals(root / "p.parquet", proposals, {"method": "test"})
    detections = [
        Detections(s.image_id, beside(s.annotations.boxes), s.annotations.labels,
                   np.full(len(s.annotations), 0.5))
        for s in test.samples
    ]  # fmt: skip
    write_detections(root / "d.json", detections, test)
    return root


def _train(root: Path, out: Path) -> list[object]:
    data = (root / "voc", "--split", "train", "--proposals", root / "p.parquet")
    model = ("--model", root / "m.safetensors", "--device", "cpu")
    return ["train-regression", *data, *model, "--out", out]


def _refine(root: Path, regression: Path, out: Path) -> list[object]:
    data = (root / "d.json", "--data", root / "voc", "--split", "test", "--device", "cpu")
    return ["refine", *data, "--model", root / "m.safetensors", "--regression", regression,
            "--out", out]  # fmt: skip


def test_detections_come_nearer_to_their_objects(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    regression, out = tmp_path / "r.safetensors", tmp_path / "moved.json"
    printed, error = _detect(capsys, *_train(root, regression))
    assert printed == f"{regression}\n"
    train = open_dataset(root / "voc", "train")
    labels = np.concatenate([sample.annotations.labels for sample in train.samples])
    counts = 5 * np.bincount(labels, minlength=3)  # four proposals and the object itself
    pairs = zip(train.classes, counts.tolist(), strict=True)
    assert f"pairs: {', '.join(f'{name} {count}' for name, count in pairs)}\n" in error
    printed, _ = _detect(capsys, *_refine(root, regression, out))
    assert printed == f"2 images: {out}\n"
    test = open_dataset(root / "voc", "test")
    before, after = (read_detections(path, test) for path in (root / "d.json", out))
    for sample in test.samples:
        old, new = (
            iou_matrix(found[sample.image_id].boxes, sample.annotations.boxes).max(axis=0)
            for found in (before, after)
        )
        assert (new > old + 0.1).all()
    entries = json.loads(out.read_text())
    assert {entry["score"] for entry in entries} == {0.5}


def test_what_cannot_be(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.safetensors"
    _, error = _detect(capsys, *_train(root, tmp_path / "r.npz"), code=2)
    assert "r.npz: expected a name ending in .safetensors." in error
    _, error = _detect(capsys, *_train(root, out), "--model", root / "none", code=4)
    assert "no such model" in error
    _, error = _detect(capsys, *_refine(root, out, tmp_path / "m.json"), code=4)
    assert "r.safetensors: no such file. Expected what detect train-regression wrote." in error
    _, error = _detect(capsys, *_train(root, out), "--split", "test", code=4)
    assert "test_000" in error  # no proposals for it
    assert not out.exists()


def test_another_network_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.safetensors"
    _detect(capsys, *_train(root, out))
    save_model(tmp_path / "other.safetensors", *network(seed=1))
    arguments = _refine(root, out, tmp_path / "m.json")
    _, error = _detect(capsys, *arguments, "--model", tmp_path / "other.safetensors", code=4)
    assert "fitted on the features of another network" in error
    assert not (tmp_path / "m.json").exists()


def test_no_pair_at_all(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voc = write_voc(tmp_path / "voc", {"train": 1})
    (path,) = (voc / "Annotations").iterdir()
    text = path.read_text()
    path.write_text(text[: text.index("<object>")] + "</annotation>")
    none = Proposals("train_000", (96, 128), np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.str_))
    write_proposals(tmp_path / "p.parquet", [none], {"method": "test"})
    _, error = _detect(
        capsys, "train-regression", voc, "--split", "train", "--proposals", tmp_path / "p.parquet",
        "--model", root / "m.safetensors", "--out", tmp_path / "r.safetensors", code=4,
    )  # fmt: skip
    assert "split train: no region has an IoU of 0.6 or more with an object." in error
