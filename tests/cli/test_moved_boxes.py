"""Networks that move boxes in `run` and `ensemble`: what is kept recombines to what was run."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_coco
from commands import call
from networks import moving_network, network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.models.checkpoints import save_model
from detect.storage.scores import ScoresFile

KINDS = ("agnostic", "classwise")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a COCO set, regions, and networks of both kinds."""
    root = tmp_path_factory.mktemp("moved")
    write_coco(root / "coco", {"val": 3}, CLASSES[::-1], seed=1, objects=3)
    propose_randomly(open_dataset(root / "coco", "val"), root / "p.parquet")
    save_model(root / "plain.safetensors", *network(0))
    for kind in KINDS:
        save_model(root / f"{kind}0.safetensors", *moving_network(0, kind))
        # Its classes in another order: deltas of classes are matched by name as scores are.
        turned = moving_network(1, kind, classes=CLASSES[::-1])
        save_model(root / f"{kind}1.safetensors", *turned)
    return root


def _run(root: Path, out: Path, names: tuple[str, ...], *more: object) -> int:
    models = [word for name in names for word in ("--model", root / f"{name}.safetensors")]
    stored = ("--proposals", root / "p.parquet", "--no-pictures", "--device", "cpu")
    told = (*stored, "--precision", "float32", "--out", out)
    return call("run", root / "coco", "--split", "val", *models, *told, *more)


def _bytes(folder: Path) -> bytes:
    return (folder / "detections.json").read_bytes()


@pytest.mark.parametrize(
    "how",
    [
        (), ("--vote", 0.5), ("--kind", "soft-nms"), ("--kind", "wbf"),
        ("--threshold", 0.3, "--vote", 0.4), ("--regression", "off"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_gives_what_was_run(
    root: Path, tmp_path: Path, kind: str, how: tuple[object, ...]
) -> None:
    names = (f"{kind}0", f"{kind}1")
    assert _run(root, tmp_path / "run", names, "--keep-scores", "float32", *how) == 0
    assert call("ensemble", tmp_path / "run", "--out", tmp_path / "again") == 0
    assert _bytes(tmp_path / "again") == _bytes(tmp_path / "run")
    # One network of them, and other weights, are what a run of that one gives.
    assert _run(root, tmp_path / "one", names[1:], *how) == 0
    one = ("--out", tmp_path / "picked", "--models", 1)
    assert call("ensemble", tmp_path / "run", *one) == 0
    assert _bytes(tmp_path / "picked") == _bytes(tmp_path / "one")


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_stay_where_that_is_asked_for(root: Path, tmp_path: Path, kind: str) -> None:
    names = (f"{kind}0", f"{kind}1")
    assert _run(root, tmp_path / "run", names, "--keep-scores", "float32") == 0
    assert _run(root, tmp_path / "off", names, "--regression", "off") == 0
    assert call("ensemble", tmp_path / "run", "--out", tmp_path / "out", "--regression", "off") == 0
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "off")
    assert _bytes(tmp_path / "off") != _bytes(tmp_path / "run")
    # The scores are those of the networks that move none.
    plain = (tmp_path / "plain", ("plain",))
    assert _run(root, *plain) == 0
    assert _run(root, tmp_path / "first", names[:1], "--regression", "off") == 0
    assert _bytes(tmp_path / "first") == _bytes(tmp_path / "plain")
    for folder, moves in (("run", kind), ("off", "off"), ("out", "off")):
        assert f'regression = "{moves}"' in (tmp_path / folder / "config.toml").read_text()


def test_no_box_leaves_the_image(root: Path, tmp_path: Path) -> None:
    assert _run(root, tmp_path / "run", ("agnostic0",)) == 0
    boxes = np.array([one["bbox"] for one in json.loads(_bytes(tmp_path / "run"))])
    assert len(boxes) > 20
    assert (boxes >= 0).all()
    assert (boxes[:, 2:] > 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= [128.01, 96.01]).all()


def test_networks_that_move_boxes_otherwise_are_refused(root, tmp_path, capsys) -> None:
    assert _run(root, tmp_path / "run", ("agnostic0", "plain")) == 4
    error = capsys.readouterr().err
    assert "regression of model 1 is agnostic, of model 2 off" in error
    assert "or --regression off" in error
    assert _run(root, tmp_path / "run", ("agnostic0", "classwise0")) == 4
    assert _run(root, tmp_path / "run", ("agnostic0", "plain"), "--regression", "off") == 0


def test_deltas_that_were_not_kept_are_refused(root, tmp_path, capsys) -> None:
    kept = ("--keep-scores", "float32", "--threshold", 0.3)
    assert _run(root, tmp_path / "run", ("classwise0",), *kept) == 0
    assert ScoresFile(tmp_path / "run").card.deltas_from == 0.02
    out = ("--out", tmp_path / "out")
    assert call("ensemble", tmp_path / "run", *out, "--threshold", 0.01) == 2
    error = capsys.readouterr().err
    assert "--threshold 0.01: how boxes move is kept from score 0.02 on." in error
    assert call("ensemble", tmp_path / "run", *out, "--threshold", 0.02) == 0
    assert _run(root, tmp_path / "low", ("classwise0",), "--threshold", 0.02) == 0
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "low")
    assert _run(root, tmp_path / "plain", ("plain",), "--keep-scores", "float32") == 0
    more = ("--out", tmp_path / "other", "--regression", "on")
    assert call("ensemble", tmp_path / "plain", *more) == 2
    assert "keeps no deltas" in capsys.readouterr().err
