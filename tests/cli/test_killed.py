"""Commands killed at any change of files leave the earlier result or the new one, whole."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from builders import write_voc
from commands import call
from killing import contents, killed
from networks import network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.models.checkpoints import save_model
from detect.together import settle


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, its proposals, a model, and a run that kept its scores."""
    root = tmp_path_factory.mktemp("killed")
    write_voc(root / "voc", {"test": 3}, seed=1)
    propose_randomly(open_dataset(root / "voc", "test"), root / "p.parquet", count=8)
    save_model(root / "m.safetensors", *network())
    assert call(*_run(root, root / "run"), "--nms", 0.1, "--keep-scores") == 0
    return root


def _run(root: Path, out: object) -> list[object]:
    given = ["--split", "test", "--model", root / "m.safetensors", "--device", "cpu"]
    return ["run", root / "voc", *given, "--proposals", root / "p.parquet", "--out", out]


@contextmanager
def _broken(root: Path) -> Iterator[None]:
    """Cut the last image of the set: a run stops there."""
    image = root / "voc/JPEGImages/test_002.jpg"
    content = image.read_bytes()
    try:
        image.write_bytes(content[: len(content) // 2])
        yield
    finally:
        image.write_bytes(content)


def _check(tmp_path: Path, earlier: Path, command: list[object], step: int = 1) -> int:
    """Assert that a kill leaves all of `earlier` or all that is new; return how many there were.

    The new is what `command` makes of a copy of `earlier`, and what it makes after each kill.
    """
    new = tmp_path / "new"
    shutil.copytree(earlier, new)
    assert call(*(new if word == "OUT" else word for word in command)) == 0
    old, whole = contents(earlier), contents(new)
    assert old != whole
    seen = []
    for state, after in killed(tmp_path / "kills", earlier, command, command, step):
        settle(state)
        found = contents(state)
        assert found in (old, whole), state
        assert contents(after) == whole, state
        assert not [path for path in after.rglob(".*")], state
        seen.append(found == whole)
    assert seen == sorted(seen)  # once it is new it stays new
    assert {False, True} <= set(seen)
    return len(seen)


@pytest.mark.slow
def test_both_lists_of_a_split(root, tmp_path):
    split = ["split", root / "voc", "--split", "test", "--out", "OUT", "--exist-ok"]
    (tmp_path / "old").mkdir()
    assert call(*(tmp_path / "old" if word == "OUT" else word for word in split)) == 0
    assert _check(tmp_path, tmp_path / "old", [*split, "--seed", 3]) >= 10


@pytest.mark.slow
def test_detections_and_the_records_of_an_ensemble(root, tmp_path):
    ensemble = ["ensemble", root / "run", "--out", "OUT", "--exist-ok"]
    shutil.copytree(root / "run", tmp_path / "old")
    command = [*ensemble, "--nms", 0.5, "--threshold", 0.2]
    assert _check(tmp_path, tmp_path / "old", command) >= 10


@pytest.mark.slow
def test_a_run_over_another_with_its_scores_and_pictures(root, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(root / "run", old)
    (old / "pictures/other.jpg").write_bytes(b"of another split")
    command = [*_run(root, "OUT"), "--keep-scores", "float16"]
    with _broken(root):
        assert call(*(old if word == "OUT" else word for word in command), "--exist-ok") == 4
    assert contents(old).keys() == {*contents(root / "run"), "pictures/other.jpg"}
    assert _check(tmp_path, old, [*command, "--resume"], step=4) >= 5


@pytest.mark.slow
def test_parts_that_are_imported_over_others(root, tmp_path):
    ids = [sample.image_id for sample in open_dataset(root / "voc", "test").samples]
    for name, box in (("old", [1, 1, 20, 20]), ("new", [2, 2, 30, 30])):
        np.savez(tmp_path / f"{name}.npz", **{one: [box] for one in ids})
    rest = ["--data", root / "voc", "--split", "test"]
    old = tmp_path / "parts"
    assert call("import", tmp_path / "old.npz", *rest, "--out", old) == 0
    command = ["import", tmp_path / "new.npz", *rest, "--out", "OUT", "--exist-ok"]
    assert _check(tmp_path, old, command) >= 5


def test_an_import_of_other_images_leaves_the_earlier_parts(root, tmp_path, capsys):
    rest = ["--data", root / "voc", "--split", "test", "--out", tmp_path / "parts"]
    ids = [sample.image_id for sample in open_dataset(root / "voc", "test").samples]
    np.savez(tmp_path / "a.npz", **{one: [[1, 1, 20, 20]] for one in ids})
    assert call("import", tmp_path / "a.npz", *rest) == 0
    before = contents(tmp_path / "parts")
    np.savez(tmp_path / "b.npz", other=[[1, 1, 20, 20]])
    assert call("import", tmp_path / "b.npz", *rest, "--exist-ok") == 4
    assert "1 of 1 images are not in split test" in capsys.readouterr().err
    assert contents(tmp_path / "parts") == before
    assert [path.name for path in (tmp_path / "parts").iterdir()] == list(before)


def test_a_run_that_replaces_another_is_gone_on_with(root, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(root / "run", out)
    before = contents(out)
    with _broken(root):
        assert call(*_run(root, out), "--exist-ok") == 4
    assert contents(out) == before
    assert call(*_run(root, out), "--resume", "--nms", 0.1) == 4
    assert "it has 'nms = 0.3', now 'nms = 0.1'" in capsys.readouterr().err
    assert call(*_run(root, out), "--resume") == 0
    assert not (out / "scores.parquet").exists()
    assert json.loads((out / "detections.json").read_text()) != json.loads(
        before["detections.json"]
    )
