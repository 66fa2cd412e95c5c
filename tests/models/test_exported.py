"""Exported networks: the same as PyTorch's, and files that are what they say."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from extras import needs_onnx, needs_openvino
from networks import moving_network, multibox, shared

from detect.errors import DataError, DetectError, EnvironmentProblem
from detect.models.exported.engines import start_engine
from detect.models.exported.exporting import export_network
from detect.models.exported.files import Exported, read_exported, write_exported
from detect.models.exported.forms import need_to_compute, need_to_write
from detect.models.exported.graph import Graph
from detect.models.exported.metadata import card_in, metadata_of
from detect.models.exported.network import load_exported
from detect.models.exported.parity import TOLERANCE, compare
from detect.models.kinds import MULTIBOX, REGION_CLASSIFIER, SHARED
from detect.models.model_files import is_exported

SIDE = 64
FORMS = [
    pytest.param("onnx", "m.onnx", "onnxruntime", marks=needs_onnx),
    pytest.param("openvino", "m.xml", "openvino", marks=needs_openvino),
]


@pytest.fixture(scope="module")
def exported():
    """Return what exports a network that moves boxes, once in each form."""
    made = {}

    def export(form):
        if form not in made:
            made[form] = export_network(*moving_network(0, input_size=SIDE), "abc", form)
        return made[form]

    return export


@pytest.mark.parametrize(("form", "name", "engine"), FORMS)
def test_an_engine_says_what_pytorch_says_of_any_number_of_crops(
    exported, tmp_path, form, name, engine
):
    content, difference = exported(form)
    assert 0 < difference.value <= TOLERANCE
    assert difference.name in ("logits", "deltas")
    write_exported(tmp_path / name, content)
    network, card = load_exported(tmp_path / name, engine, "float32")
    model, own = moving_network(0, input_size=SIDE)
    assert card == own
    assert network.num_classes == 3
    for count in (1, 4, 9):
        crops = torch.randint(0, 256, (count, SIDE, SIDE, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
        with torch.inference_mode():
            one, other = model(crops), network(crops)
        np.testing.assert_allclose(one.logits.softmax(1), other.logits.softmax(1), atol=1e-4)
        np.testing.assert_allclose(one.deltas, other.deltas, atol=1e-4)


@needs_onnx
def test_another_network_fails_the_comparison(exported):
    engine = start_engine("onnxruntime", exported("onnx")[0], "m.onnx")
    other = Graph(moving_network(1, input_size=SIDE)[0])
    with pytest.raises(DetectError, match=r"another one: its \w+ differ .* at most 0\.0001"):
        compare(other, engine, moving_network(1, input_size=SIDE)[1])


@needs_onnx
def test_what_is_not_a_number_fails_the_comparison(exported):
    engine = start_engine("onnxruntime", exported("onnx")[0], "m.onnx")
    broken, card = moving_network(0, input_size=SIDE)
    with torch.no_grad():
        broken.regression.fc.bias[1] = float("nan")
    with pytest.raises(DetectError, match="its deltas differ from PyTorch's by nan in float32"):
        compare(Graph(broken), engine, card)


@needs_onnx
def test_multibox_gives_boxes_in_fractions_and_scores(tmp_path):
    import onnxruntime

    model, card = multibox()
    content, _ = export_network(model, card, "abc", "onnx")
    write_exported(tmp_path / "m.onnx", content)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    told = card_in(session.get_modelmeta().custom_metadata_map, MULTIBOX, "m.onnx")
    assert told == card
    crops = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    boxes, scores = session.run(["boxes", "scores"], {"crops": crops})
    with torch.inference_mode():
        offsets, logits = model(torch.from_numpy(crops))
    np.testing.assert_allclose(boxes, model.decode(offsets), atol=1e-4)
    np.testing.assert_allclose(scores, logits.sigmoid(), atol=1e-4)
    with pytest.raises(DataError, match=r"m\.onnx: expected a region classifier, kind is"):
        load_exported(tmp_path / "m.onnx", "onnxruntime", "float32")


@pytest.mark.parametrize(("form", "name", "engine"), FORMS)
def test_one_trunk_says_the_same_of_any_images_and_regions(tmp_path, form, name, engine):
    model, card = shared()
    content, difference = export_network(model, card, "abc", form)
    assert difference.value <= TOLERANCE
    write_exported(tmp_path / name, content)
    started = start_engine(engine, read_exported(tmp_path / name), name)
    assert card_in(started.metadata, SHARED, name) == card
    rng = np.random.default_rng(0)
    for images, regions in ((1, 1), (1, 7), (3, 5)):
        corners = rng.uniform(-0.1, 0.6, (regions, 2)).astype(np.float32)
        inputs = {
            "images": rng.integers(0, 256, (images, 3, 48, 64), dtype=np.uint8),
            "boxes": np.concatenate([corners, corners + np.float32(0.3)], axis=1),
            "places": rng.integers(0, images, regions),
        }
        with torch.inference_mode():
            maps = model.trunk(torch.from_numpy(inputs["images"]))
            cut = model.regions(
                maps, *(torch.from_numpy(inputs[one]) for one in ("boxes", "places"))
            )
            told, (offsets, sure) = model(cut), model.proposed(maps)
        expected = (told.logits, told.deltas, model.decode(offsets), sure.sigmoid())
        for one, other in zip(expected, started(inputs), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)
    with pytest.raises(DataError, match="expected a region classifier, kind is 'shared-detector'"):
        load_exported(tmp_path / name, engine, "float32")


@needs_onnx
def test_onnx_accepts_the_file_and_reads_its_metadata_and_no_path_is_in_it(exported, tmp_path):
    import onnx

    write_exported(tmp_path / "m.onnx", exported("onnx")[0])
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["classes"] == '["circle", "square", "triangle"]'
    assert told["mean"] == "[120.0, 115.0, 100.0]"
    assert (told["input_size"], told["context"], told["crop_mode"]) == ("64", "16.0", '"warp"')
    assert told["model"] == '"abc"'
    assert ".py" not in (tmp_path / "m.onnx").read_bytes().decode("latin-1")


@needs_openvino
def test_openvino_reads_the_metadata_and_onnx_files_too(exported, tmp_path):
    import openvino

    write_exported(tmp_path / "m.xml", exported("openvino")[0])
    model = openvino.Core().read_model(tmp_path / "m.xml")
    assert model.get_rt_info(["detect", "crop_mode"]).value == '"warp"'
    assert [one.get_any_name() for one in model.outputs] == ["logits", "deltas"]
    write_exported(tmp_path / "m.onnx", exported("onnx")[0])
    network, card = load_exported(tmp_path / "m.onnx", "openvino", "float32")
    assert card == moving_network(0, input_size=SIDE)[1]
    assert network(torch.zeros((2, 3, SIDE, SIDE), dtype=torch.uint8)).deltas.shape == (2, 1, 4)


@needs_openvino
def test_openvino_computes_in_float32_unless_told(exported, tmp_path):
    write_exported(tmp_path / "m.xml", exported("openvino")[0])
    model, _ = moving_network(0, input_size=SIDE)
    crops = torch.randint(0, 256, (4, 3, SIDE, SIDE), dtype=torch.uint8)
    exact, reduced = (
        load_exported(tmp_path / "m.xml", "openvino", precision)[0](crops).deltas
        for precision in ("float32", "bfloat16")
    )
    with torch.inference_mode():
        expected = model(crops).deltas
    assert (exact - expected).abs().max() < 1e-4
    # Without hardware for it bfloat16 is float32 as well.
    assert (reduced - expected).abs().max() < 0.3


@needs_openvino
def test_openvino_reports_nothing(tmp_path):
    program = (
        "from detect.models.exported.engines import silent_openvino\n"
        "silent_openvino().Core()\nimport sys\nprint(sys.modules['openvino_telemetry'])"
    )
    home = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=home, capture_output=True, text=True)
    assert done.stdout == "None\n", done.stderr
    # It would have noted here that it has.
    assert not (tmp_path / "intel").exists()


@needs_openvino
def test_crops_that_openvino_cannot_pool_are_refused():
    with pytest.raises(DetectError, match=r"of inputs of 32 px .*Nothing was written"):
        export_network(*moving_network(0), "abc", "openvino")


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_every_byte_of_a_file_counts(tmp_path, form):
    path = tmp_path / ("m.onnx" if form == "onnx" else "m.xml")
    weights = b"" if form == "onnx" else b"numbers"
    write_exported(path, Exported(form, b"a graph", weights))
    assert read_exported(path) == Exported(form, b"a graph", weights)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            changed = bytes([whole[place] ^ 1])
            file.write_bytes(whole[:place] + changed + whole[place + 1 :])
            with pytest.raises(DataError, match="not as detect export wrote it"):
                read_exported(path)
        file.write_bytes(whole[:-1])
        with pytest.raises(DataError, match="damaged, changed, or another program's"):
            read_exported(path)
        file.write_bytes(whole)
    read_exported(path)
    for file in tmp_path.iterdir():
        file.rename(tmp_path / "elsewhere")
        with pytest.raises(DataError, match=r"missing|no such model"):
            read_exported(path)
        (tmp_path / "elsewhere").rename(file)


@pytest.mark.parametrize(("form", "name"), [("onnx", "M.ONNX"), ("openvino", "M.XML")])
def test_capital_endings_are_those_of_exported_files_too(tmp_path, form, name):
    written = Exported(form, b"a graph", b"" if form == "onnx" else b"numbers")
    write_exported(tmp_path / name, written)
    assert read_exported(tmp_path / name) == written
    assert is_exported(tmp_path / name)
    assert not is_exported(tmp_path / f"missing-{name}")


@needs_onnx
def test_what_an_engine_cannot_read_is_the_files_fault(tmp_path):
    write_exported(tmp_path / "m.onnx", Exported("onnx", b"no graph"))
    with pytest.raises(DataError, match=r"m\.onnx: onnxruntime cannot read it \("):
        load_exported(tmp_path / "m.onnx", "onnxruntime", "float32")


def test_metadata_hold_the_card_and_names_in_any_script():
    _, card = moving_network(0, classes=("Zürich", "\n", "猫"))
    told = metadata_of(card, "abc")
    assert all(value.isascii() and value.isprintable() for value in told.values())
    assert card_in(told, REGION_CLASSIFIER, "m") == card
    with pytest.raises(DataError, match=r"m: crop_mode: expected one of warp, square"):
        card_in({**told, "crop_mode": '"round"'}, REGION_CLASSIFIER, "m")
    with pytest.raises(DataError, match="m: not valid JSON"):
        card_in({**told, "mean": "[1, 2"}, REGION_CLASSIFIER, "m")
    with pytest.raises(DataError, match="m: model card of format 99"):
        card_in({**told, "format": "99"}, REGION_CLASSIFIER, "m")


def test_a_missing_package_is_named_with_what_to_install(monkeypatch):
    for name in ("onnxscript", "openvino"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EnvironmentProblem, match=r"onnxscript.*pip install 'detect\[onnx\]'"):
        need_to_write("onnx")
    with pytest.raises(EnvironmentProblem, match=r"openvino: .*pip install 'detect\[openvino\]'"):
        need_to_compute("openvino")


def test_a_graph_leaves_its_network_as_it_was():
    model, _ = moving_network(0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Graph(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
