"""`run` called from Python."""

import json
from pathlib import Path

import pytest
import torch
from builders import write_voc
from networks import network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.errors import UsageError
from detect.models.checkpoints import save_model
from detect.progress import Silence
from detect.stages import RunOptions, RunResult, run
from detect.stages.run.job import settle
from detect.storage import unfinished


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, its proposals and a model."""
    root = tmp_path_factory.mktemp("run")
    write_voc(root / "voc", {"test": 3}, seed=1)
    propose_randomly(open_dataset(root / "voc", "test"), root / "p.parquet")
    save_model(root / "m.safetensors", *network())
    return root


def options(root: Path, out: Path, **more: object) -> RunOptions:
    return RunOptions(
        images=str(root / "voc"),
        split="test",
        model=str(root / "m.safetensors"),
        proposals=str(root / "p.parquet"),
        out=str(out),
        device=torch.device("cpu"),
        **more,
    )


def test_it_returns_what_it_wrote_and_says_nothing(root, tmp_path, capfd):
    result = run(options(root, tmp_path, keep_scores="float16", pictures=False))
    entries = json.loads(result.path.read_text())
    assert result.path == tmp_path / "detections.json"
    assert (result.images, result.detections) == (3, len(entries))
    assert result.scores is not None
    assert (result.scores.path, result.scores.networks) == (tmp_path / "scores.parquet", 1)
    assert result.scores.size == (tmp_path / "scores.parquet").stat().st_size
    again = run(options(root, tmp_path, keep_scores="float16", pictures=False, resume=True))
    assert again == RunResult(result.path, complete=True)
    assert capfd.readouterr() == ("", "")


def test_the_end_decodes_every_image_once(root, tmp_path, monkeypatch):
    loads, decoded = json.loads, []

    def counted(text, **keywords):
        found = loads(text, **keywords)
        decoded.extend([found["image_id"]] if "image_id" in found else [])
        return found

    monkeypatch.setattr(unfinished.json, "loads", counted)
    run(options(root, tmp_path, keep_scores="float32"))
    assert decoded == ["test_000", "test_001", "test_002"]


def test_a_reporter_hears_how_far_it_is(root, tmp_path):
    heard = []

    class Listener(Silence):
        def track(self, items, total, what):
            for item in items:
                heard.append((what, total))
                yield item

    run(options(root, tmp_path, pictures=False), Listener())
    assert heard == [("detecting", 3)] * 3


@pytest.mark.parametrize(
    ("more", "crops"),
    [({}, 80), ({"mirror": True}, 160), ({"rounds": 3, "again": 8, "mirror": True}, 288)],
)
def test_crops_are_counted_with_those_of_later_rounds_and_mirrored_ones(
    root, tmp_path, more, crops
):
    assert settle(options(root, tmp_path, **more)).crops(20, 4) == crops


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"preset": "rcnn"}, "preset and proposals: stored proposals are not made again."),
        ({"threshold": 2}, "threshold=2: expected a probability, from 0 to 1."),
        ({"svm": "s", "keep_scores": "float32"}, "keep_scores and svm: kept scores are"),
    ],
)
def test_an_error_names_arguments(root, tmp_path, more, text):
    with pytest.raises(UsageError, match="^" + text.replace(".", r"\.")):
        run(options(root, tmp_path, **more))
