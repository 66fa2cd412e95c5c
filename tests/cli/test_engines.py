"""`detect export` of networks, and `detect run --engine`: the same detections on every engine."""

import json
import sys
import tomllib

import numpy as np
import pytest
import torch
from builders import write_voc
from commands import call
from extras import needs_onnx, needs_openvino
from networks import moving_network, multibox, network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.detector import RegionScorer
from detect.errors import UsageError
from detect.images import read_image
from detect.models.checkpoints import save_model
from detect.models.exported.exporting import export_network
from detect.models.exported.files import Exported, write_exported
from detect.models.model_files import model_hash
from detect.stages.load import load
from detect.stages.propose import propose
from detect.storage.detections import read_detections
from detect.storage.proposals import ProposalFile

SIDE = 64


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with a VOC set, its proposals and a model that moves boxes."""
    root = tmp_path_factory.mktemp("engines")
    write_voc(root / "voc", {"test": 2}, seed=1)
    propose_randomly(open_dataset(root / "voc", "test"), root / "p.parquet")
    save_model(root / "m.safetensors", *moving_network(0, input_size=SIDE))
    return root


@pytest.fixture(scope="module")
def exported(root):
    """Return what exports the model by the command, once in each form."""

    def export(form, suffix):
        path = root / f"m{suffix}"
        if not path.exists():
            model = root / "m.safetensors"
            assert call("export", model, "--to", form, "--out", path) == 0
        return path

    return export


@pytest.fixture
def detect(root, tmp_path):
    """Return what calls `detect run` with models into a folder of tmp_path, and what it found."""

    def run(name, *models_and_more, code=0):
        stored = ("--split", "test", "--proposals", root / "p.parquet", "--out", tmp_path / name)
        told = ("--no-pictures", "--precision", "float32", *models_and_more)
        assert call("run", root / "voc", *stored, *told) == code
        if code:
            return {}
        file = tmp_path / name / "detections.json"
        return read_detections(file, open_dataset(root / "voc", "test"))

    return run


def _same(one, other):
    assert one.keys() == other.keys()
    assert any(map(len, one.values()))
    for name, found in one.items():
        np.testing.assert_array_equal(found.labels, other[name].labels)
        np.testing.assert_allclose(found.scores, other[name].scores, atol=1e-4)
        np.testing.assert_allclose(found.boxes, other[name].boxes, atol=0.05)


@needs_onnx
@needs_openvino
def test_every_engine_finds_the_same(detect, exported, root, tmp_path):
    model = root / "m.safetensors"
    expected = detect("torch", "--model", model)
    onnx, openvino = exported("onnx", ".onnx"), exported("openvino", ".xml")
    _same(expected, detect("o", "--model", onnx))
    _same(expected, detect("v", "--model", openvino))
    _same(expected, detect("ov", "--model", onnx, "--engine", "openvino"))
    _same(expected, detect("several", "--model", onnx, "--model", openvino, "--model", model))
    noted = {
        name: tomllib.loads((tmp_path / name / "config.toml").read_text())["engine"]
        for name in ("torch", "o", "v", "several")
    }
    assert noted == {
        "torch": "torch", "o": "onnxruntime", "v": "openvino",
        "several": "onnxruntime and openvino and torch",
    }  # fmt: skip
    assert json.loads((tmp_path / "o/environment.json").read_text())["models"] == ["m.onnx"]


@needs_openvino
def test_a_run_is_converted_on_the_way_and_leaves_no_file(detect, root, tmp_path):
    model, before = root / "m.safetensors", sorted(root.iterdir())
    found = detect("v", "--model", model, "--engine", "openvino", "--mirror")
    _same(detect("torch", "--model", model, "--mirror"), found)
    assert sorted(root.iterdir()) == before


@needs_onnx
def test_from_python_a_file_is_a_model_as_well(exported, root):
    image = root / "voc/JPEGImages/test_000.jpg"
    (proposals, *_) = _proposals(root)
    model, card = moving_network(0, input_size=SIDE)
    expected = RegionScorer([(model, card)], precision="float32").detect(
        read_image(image), proposals
    )
    with pytest.warns(UserWarning, match=r"m\.onnx: no note of the proposals"):
        detector = load(exported("onnx", ".onnx"))
    found = detector(image, proposals)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    assert detector.classes == card.classes


@pytest.mark.slow
@needs_onnx
def test_what_proposed_for_a_training_may_be_given_exported(root, tmp_path):
    boxes, card = multibox()
    save_model(tmp_path / "mb.safetensors", boxes, card)
    digest = model_hash(tmp_path / "mb.safetensors")
    write_exported(tmp_path / "mb.onnx", export_network(boxes, card, digest, "onnx")[0])
    propose(
        root / "voc", split="test", method="multibox", multibox=tmp_path / "mb.safetensors",
        out=tmp_path / "p", device="cpu", precision="float32",
    )  # fmt: skip
    noted = {"proposals": ProposalFile(tmp_path / "p").recipe}
    save_model(tmp_path / "run/weights/best.safetensors", *moving_network(0, input_size=SIDE))
    (tmp_path / "run/environment.json").write_text(json.dumps(noted))
    image = root / "voc/JPEGImages/test_000.jpg"
    told = {"device": "cpu", "precision": "float32"}
    found = load(tmp_path / "run", multibox=tmp_path / "mb.onnx", **told)(image)
    expected = load(tmp_path / "run", multibox=tmp_path / "mb.safetensors", **told)(image)
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
    write_exported(tmp_path / "mb.onnx", export_network(boxes, card, "other", "onnx")[0])
    with pytest.raises(UsageError, match="which is not given"):
        load(tmp_path / "run", multibox=tmp_path / "mb.onnx", **told)


def _proposals(root):
    return list(ProposalFile(root / "p.parquet"))


@needs_onnx
def test_a_run_goes_on_with_its_own_engine_alone(detect, exported, tmp_path, capsys, root):
    detect("out", "--model", root / "m.safetensors")
    config = tmp_path / "out/config.toml"
    text = config.read_text()
    config.write_text(text.replace('engine = "torch"', 'engine = "openvino"'))
    detect("out", "--model", root / "m.safetensors", "--resume", code=4)
    assert 'engine = "openvino"\', now \'engine = "torch"\'' in capsys.readouterr().err
    # As a version wrote it that knew one engine.
    old = text.replace("format = 4", "format = 3").replace('engine = "torch"\n', "")
    config.write_text(old)
    detect("out", "--model", root / "m.safetensors", "--resume")


@pytest.mark.slow
@needs_onnx
def test_the_difference_is_told_and_a_file_is_not_written_over(exported, root, capsys):
    path = exported("onnx", ".onnx")
    before = path.read_bytes()
    capsys.readouterr()
    again = ("export", root / "m.safetensors", "--to", "onnx", "--out", path)
    assert call(*again) == 2
    assert f"--out {path} exists already. Choose another, or add --exist-ok" in (
        capsys.readouterr().err
    )
    assert call(*again, "--exist-ok") == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{path}: largest difference from PyTorch in float32 ")
    assert float(line.split("float32 ")[1].split()[0]) <= 1e-4
    assert path.read_bytes() == before


@needs_onnx
def test_a_network_whose_parity_fails_is_not_written(tmp_path, capsys):
    model, card = network(0)
    with torch.no_grad():
        model.network.fc.bias[0] = float("inf")
    save_model(tmp_path / "m.safetensors", model, card)
    out = tmp_path / "o/m.onnx"
    assert call("export", tmp_path / "m.safetensors", "--to", "onnx", "--out", out) == 1
    error = capsys.readouterr().err
    assert "its logits differ from PyTorch's by nan in float32, expected at most 0.0001." in error
    assert error.endswith("Nothing was written.\n")
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("more", "code", "expected"),
    [
        (("--to", "onnx", "--out", "m.xml"), 2, "--out m.xml: expected a name ending in .onnx."),
        (("--to", "openvino", "--out", "m"), 2, "--out m: expected a name ending in .xml."),
        (
            ("--to", "onnx", "--out", "m.onnx", "--split", "test"),
            2,
            "--split means nothing for a model. Leave it out.",
        ),
    ],
)
def test_options_of_an_export_that_do_not_go_together(root, capsys, more, code, expected):
    assert call("export", root / "m.safetensors", *more) == code
    assert expected in capsys.readouterr().err


def test_a_file_of_weights_that_is_there_is_not_written_over(root, tmp_path, capsys):
    (tmp_path / "m.bin").write_bytes(b"of another program")
    told = ("--to", "openvino", "--out", tmp_path / "m.xml")
    assert call("export", root / "m.safetensors", *told) == 2
    assert f"--out {tmp_path / 'm.bin'} exists already." in capsys.readouterr().err
    assert (tmp_path / "m.bin").read_bytes() == b"of another program"


@needs_onnx
def test_what_is_no_network_is_not_exported(root, tmp_path, capsys):
    out = ("--to", "onnx", "--out", tmp_path / "m.onnx")
    assert call("export", tmp_path / "none", *out) == 4
    assert "none: no such model. Expected a run folder" in capsys.readouterr().err
    (tmp_path / "other.onnx").write_bytes(b"a graph")
    assert call("export", tmp_path / "other.onnx", *out) == 4
    assert (
        "other.onnx: an exported file, which detect run, check and detect.load take, of a"
        in capsys.readouterr().err
    )
    ensemble = {"format": 2, "networks": 2, "finished": [{}, {}]}
    (tmp_path / "ensemble.json").write_text(json.dumps(ensemble))
    assert call("export", tmp_path, *out) == 2
    error = capsys.readouterr().err
    assert f"2 networks, and a file holds one. Export each of them, such as {tmp_path / '1'};" in (
        error
    )


def test_without_the_packages_nothing_is_begun(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    out = tmp_path / "o/m.onnx"
    assert call("export", root / "m.safetensors", "--to", "onnx", "--out", out) == 3
    assert "onnx: not installed. Install what the extra onnx brings: pip install" in (
        capsys.readouterr().err.replace("onnx, onnxscript, onnxruntime", "onnx")
    )
    assert not out.parent.exists()


def test_options_of_a_run_that_need_pytorch(detect, root, tmp_path, capsys):
    write_exported(tmp_path / "m.onnx", Exported("onnx", b"no graph"))
    file, run = ("--model", tmp_path / "m.onnx"), ("--model", root / "m.safetensors")
    cases = [
        ((*file, "--engine", "torch"), "--engine torch: "),
        ((*file, "--svm", tmp_path / "s"), "--svm "),
        ((*file, "--compile", "on"), "--compile on needs a network in PyTorch, and onnxruntime"),
        ((*run, "--engine", "openvino", "--device", "cuda"), "--device cuda needs a network in"),
        ((*file, "--precision", "bfloat16"), "--precision bfloat16: onnxruntime computes in"),
    ]
    for told, expected in cases:
        detect("out", *told, code=2)
        assert expected in capsys.readouterr().err
    write_exported(tmp_path / "m.xml", Exported("openvino", b"no graph", b"none"))
    detect("out", "--model", tmp_path / "m.xml", "--engine", "onnxruntime", code=2)
    assert "m.xml was exported for openvino. Leave it out, or give the run that was" in (
        capsys.readouterr().err
    )


def test_a_damaged_file_stops_a_run_with_its_name(detect, tmp_path, capsys):
    (tmp_path / "m.onnx").write_bytes(b"of another program")
    detect("out", "--model", tmp_path / "m.onnx", code=4)
    assert f"{tmp_path / 'm.onnx'}: not as detect export wrote it" in capsys.readouterr().err
    detect("out", "--model", tmp_path / "none.onnx", code=4)
    assert "none.onnx: no such model. Copy it again, or make it anew by detect export." in (
        capsys.readouterr().err
    )
