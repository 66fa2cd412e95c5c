"""`ensemble` called from Python."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_voc
from score_cards import score_card

from detect.data import open_dataset
from detect.errors import UsageError
from detect.stages import EnsembleOptions, ensemble
from detect.storage.scores import RegionScores, scores_table, write_scores
from detect.storage.scores_card import Kept

CARD = score_card(
    classes=CLASSES,
    category_ids=(1, 2, 3),
    columns=CLASSES,
    proposals={"method": "test"},
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a VOC set and what two networks say of its objects: one knows, one does not."""
    root = tmp_path_factory.mktemp("ensemble")
    write_voc(root / "voc", {"test": 2}, seed=1)
    tables = []
    for sample in open_dataset(root / "voc", "test").samples:
        knows = np.eye(4, dtype=np.float32)[sample.annotations.labels]
        scores = np.stack([knows, np.full_like(knows, 0.25)])
        names = np.full(len(knows), "test")
        row = RegionScores(sample.image_id, sample.size, sample.annotations.boxes, names, scores)
        tables.append(scores_table(row, Kept("float32")))
    (root / "run").mkdir()
    write_scores(root / "run/scores.parquet", tables, CARD)
    return root


def test_it_returns_what_it_wrote_and_says_nothing(root, tmp_path, capfd):
    result = ensemble(
        EnsembleOptions(
            scores=str(root / "run"),
            out=str(tmp_path / "out"),
            data=str(root / "voc"),
            split="test",
            weights=(3, 1),
            json=str(tmp_path / "table.json"),
        )
    )
    assert result.path == tmp_path / "out/detections.json"
    assert (result.images, result.detections) == (2, len(json.loads(result.path.read_text())))
    assert (result.networks, result.names) == ((0, 1), ("a", "b"))
    assert result.curve is not None
    assert result.curve.alone[0].map == 1
    assert result.curve.leave_one_out[0].loss > 0
    figures = json.loads((tmp_path / "table.json").read_text())
    assert figures["leave_one_out"][0]["loss"] == result.curve.leave_one_out[0].loss
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"sigma": 1}, "sigma means nothing with kind=nms. Leave it out."),
        ({"json": "x"}, "json means nothing without data."),
        ({"models": (0, 2)}, "models=0,2: expected different numbers of networks whose"),
        ({"weights": "1,x"}, "weights=1,x: expected numbers such as 1,2,0.5."),
    ],
)
def test_an_error_names_arguments(root, tmp_path, more, text):
    with pytest.raises(UsageError, match="^" + text.replace(".", r"\.")):
        ensemble(EnsembleOptions(scores=root / "run", out=tmp_path / "out", **more))
