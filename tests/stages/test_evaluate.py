"""`evaluate` and `recall` called from Python: the figures of their JSON, typed."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from answers import perfect, proposed
from builders import write_voc

from detect.data import open_dataset
from detect.errors import UsageError
from detect.stages import EvaluateOptions, RecallOptions, evaluate, recall


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a VOC set with a class that no object is of, and its truth in two forms."""
    root = tmp_path_factory.mktemp("evaluate")
    write_voc(root / "voc", {"test": 4}, seed=1)
    (root / "voc/classes.txt").write_text("circle\nsquare\ntriangle\nunicorn\n")
    data = open_dataset(root / "voc", "test")
    perfect(root / "found.json", data)
    proposed(root / "p", data)
    return root


def told(root: Path, **more: Any) -> dict[str, Any]:
    return {"data": str(root / "voc"), "split": "test", **more}


def without_none(value: Any) -> Any:
    """Return plain JSON: no key for what is None, lists for tuples."""
    if isinstance(value, Mapping):
        return {key: without_none(one) for key, one in value.items() if one is not None}
    return [without_none(one) for one in value] if isinstance(value, tuple | list) else value


def test_scores_are_those_of_the_json(root, tmp_path, capfd):
    out, found = str(tmp_path / "scores.json"), str(root / "found.json")
    options = EvaluateOptions(**told(root, detections=found, protocol="all", json=out))
    result = evaluate(options)
    assert list(result.protocols) == ["voc2007", "voc2012", "ilsvrc", "coco"]
    score = result.protocols["voc2012"]
    assert (score.map, score.map_50_95, score.skipped) == (1, None, ("unicorn",))
    assert result.protocols["coco"].per_class["circle"].ap_50_95 == pytest.approx(1)
    written = json.loads(Path(out).read_text())
    typed = {name: without_none(asdict(one)) for name, one in result.protocols.items()}
    assert typed == written
    assert capfd.readouterr() == ("", "")


def test_options_of_evaluate_are_named_as_in_python(root):
    found = str(root / "found.json")
    with pytest.raises(UsageError, match=r"^blacklist belongs to protocol=ilsvrc \(or all\)\.$"):
        evaluate(EvaluateOptions(**told(root, detections=found, blacklist="b.txt")))
    with pytest.raises(UsageError, match=r"^give either data \(with split\) or annotations\.$"):
        evaluate(EvaluateOptions(detections=found))
    with pytest.raises(UsageError, match=r"^detections is missing: COCO results JSON, or "):
        EvaluateOptions(**told(root))


def test_recall_is_that_of_the_json(root, tmp_path, capfd):
    out, file = str(tmp_path / "recall.json"), str(root / "p")
    result = recall(RecallOptions(**told(root, proposals=file, json=out)))
    (one,) = result.files
    assert (one.path, one.name, one.advice, result.speed) == (root / "p", "p", None, None)
    assert one.scores.recall["all"]["0.95"] == 1
    assert one.scores.per_source["search"].only["0.50"] == 1
    written = json.loads(Path(out).read_text())
    assert written.pop("proposals") == file
    assert without_none(asdict(one.scores)) == written
    assert capfd.readouterr() == ("", "")


def test_advice_of_several_files(root):
    files = [str(root / "p"), root / "p"]
    result = recall(RecallOptions(**told(root, proposals=files, target=0.9, input_size=32)))
    first, second = (one.advice for one in result.files)
    assert first is not None
    assert first == second
    assert result.speed is not None
    assert first.reached
    assert first.sources["multibox"].first == 0
    assert first.seconds_per_image == first.boxes_per_image * result.speed.seconds


def test_options_of_recall_are_named_as_in_python(root):
    with pytest.raises(UsageError, match=r"^target_iou belongs to target\.$"):
        recall(RecallOptions(**told(root, proposals="p", target_iou=0.5)))
    with pytest.raises(UsageError, match=r"^plot=p\.pdf: it writes a PNG\. Name it p\.png\.$"):
        recall(RecallOptions(**told(root, proposals="p", plot="p.pdf")))
    with pytest.raises(UsageError, match=r"^proposals=\(\): .* at least 1 item"):
        RecallOptions(**told(root, proposals=()))
