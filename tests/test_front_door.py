"""What `import detect` offers: light until it is used, and a trained run in three lines."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_voc
from recipes import TINY_REGION_CLASSIFIER

import detect
from detect.errors import UsageError
from detect.images import read_image
from detect.stages import EvaluateOptions

SOURCES = sorted(Path(detect.__file__).parent.rglob("*.py"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("front"), {"train": 4, "test": 2}, seed=1)


@pytest.fixture(scope="module")
def found(root: Path) -> detect.Detections:
    """Return the objects of test_000 as detections, of scores 0.9, 0.6, ..."""
    data = detect.open_dataset(str(root), "test")
    truth = data.samples[0].annotations
    scores = 0.9 - 0.3 * np.arange(len(truth))
    return detect.Detections("test_000", truth.boxes, truth.labels, scores, data.classes)


def python(program: str) -> str:
    """Return what `program` prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_is_light_and_so_is_the_list_of_names() -> None:
    heavy = ("torch", "cv2", "numpy", "pydantic", "matplotlib")
    program = f"import detect, sys; dir(detect); print([n for n in {heavy} if n in sys.modules])"
    assert python(program) == "[]\n"


def test_names_are_the_same_once_every_submodule_is_imported() -> None:
    program = """
import importlib, os, pkgutil
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
import detect
for found in pkgutil.walk_packages(detect.__path__, "detect."):
    importlib.import_module(found.name)
for value in (getattr(detect, name) for name in detect.__all__):
    print(f"{value.__module__}.{value.__qualname__}")
"""
    expected = [f"{getattr(detect, name).__module__}.{name}" for name in detect.__all__]
    assert python(program).split() == expected
    assert set(detect.__all__) <= set(dir(detect))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'detect' has no attribute 'lode'"):
        _ = detect.lode


def test_every_name_has_its_type() -> None:
    tree = ast.parse(Path(detect.__file__).read_text(encoding="utf-8"))
    (types,) = [node for node in tree.body if isinstance(node, ast.If)]
    named = [
        one.name for node in types.body if isinstance(node, ast.ImportFrom) for one in node.names
    ]
    assert sorted(named) == sorted(detect.__all__)


def test_there_is_one_class_of_each_name() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = [node.name for node in nodes if isinstance(node, ast.ClassDef)]
    for name in ("Detections", "Detector", "Dataset", "Proposals"):
        assert names.count(name) == 1, name


def test_three_lines_detect_with_what_a_few_more_trained(root, tmp_path, capfd):
    proposed = detect.propose(root, split="train", out=tmp_path / "p.parquet", k=400)
    (tmp_path / "r.toml").write_text(TINY_REGION_CLASSIFIER)
    told = {"config": tmp_path / "r.toml", "out": tmp_path / "mine", "device": "cpu"}
    trained = detect.train_classifier(root, split="train", proposals=proposed.path, **told)
    detector = detect.load(trained.path, device="cpu", threshold=0)
    photo = root / "JPEGImages/test_000.jpg"
    found = detector(photo)
    assert detector.source.recipe["parameters"]["ks"] == [400]
    assert len(found) > 0
    assert set(found.names) <= set(CLASSES) == set(detector.classes)
    assert capfd.readouterr() == ("", "")
    shown = python(
        f"import detect\nfound = detect.load({str(trained.path)!r}, threshold=0)({str(photo)!r})"
        "\nprint(found)"
    )
    assert shown.startswith("test_000: ")
    assert any(name in shown for name in CLASSES)


def test_evaluate_takes_keywords_or_options(root, tmp_path, found) -> None:
    out = tmp_path / "d.json"
    out.write_text(json.dumps(found.to_coco()))
    told = {"split": "test", "detections": str(out), "protocol": "voc2007"}
    by_keywords = detect.evaluate(root, **told)
    assert by_keywords == detect.evaluate(EvaluateOptions(data=root, **told))
    assert by_keywords.protocols["voc2007"].map > 0


def test_draw_shows_detections_proposals_and_the_truth(root, found) -> None:
    sample = detect.open_dataset(root, "test").samples[0]
    pixels = read_image(sample.path)
    names = np.full(len(found), "mine")
    proposals = detect.Proposals("a", sample.size, found.boxes, found.scores, names)
    pictures = [
        detect.draw(str(sample.path), found),
        detect.draw(pixels, found, threshold=0.95),
        detect.draw(pixels, found, sample.annotations),
        detect.draw(pixels, proposals),
        detect.draw(pixels, proposals, sample.annotations),
    ]
    for picture in pictures:
        assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    np.testing.assert_array_equal(detect.draw(pixels, found), pictures[0])
    np.testing.assert_array_equal(pixels, read_image(sample.path))


def test_draw_needs_no_class_names_but_an_image(root, found) -> None:
    sample = detect.open_dataset(root, "test").samples[0]
    unnamed = detect.Detections(None, found.boxes, found.labels, found.scores)
    assert detect.draw(sample.path, unnamed, sample.annotations).ndim == 3
    with pytest.raises(UsageError, match=r"^image: expected a path, or pixels as .*, got float\."):
        detect.draw(3.0, found)
    with pytest.raises(UsageError, match=r"^found: expected Detections or Proposals, got None"):
        detect.draw(sample.path, None)
