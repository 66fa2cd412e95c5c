"""`import_boxes` and `export_boxes` called from Python."""

from typing import Any

import numpy as np
import pytest
from answers import perfect
from builders import write_imagenet_det

from detect.data import open_dataset
from detect.errors import UsageError
from detect.stages import (
    ExportOptions,
    ExportResult,
    ImportOptions,
    ImportResult,
    export_boxes,
    import_boxes,
)


class Listener:
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def track(self, items: Any, total: int, what: str, /) -> Any:
        return iter(items)

    def say(self, line: str, /) -> None:
        raise AssertionError(line)

    def warn(self, line: str, /) -> None:
        self.warnings.append(line)


def test_boxes_come_in_and_go_out(tmp_path, capfd):
    root = write_imagenet_det(tmp_path / "det")
    np.savez(tmp_path / "b.npz", test_00000002=[[1, 2, 30, 40], [500, 0, 510, 9]])
    given = {"data": str(root), "split": "test"}
    listener, out = Listener(), tmp_path / "p.parquet"
    told = ImportOptions(file=str(tmp_path / "b.npz"), out=str(out), **given)
    result = import_boxes(told, listener)
    assert result == ImportResult(out, "proposals", images=2, boxes=1, dropped=1, without=1)
    assert listener.warnings == [
        "1 boxes lie outside their image: left out.",
        "1 of 2 images have no box.",
    ]
    told = ExportOptions(file=str(out), to="coco-results", out=str(tmp_path / "back.json"))
    assert export_boxes(told) == ExportResult(tmp_path / "back.json", 2)
    assert capfd.readouterr() == ("", "")


def test_a_submission_goes_out_and_comes_in(tmp_path, capfd):
    root = write_imagenet_det(tmp_path / "det")
    data = open_dataset(root, "test")
    count = sum(len(sample.annotations) for sample in data.samples)
    perfect(tmp_path / "d.json", data)
    given = {"data": str(root), "split": "test"}
    text, back = tmp_path / "s.txt", tmp_path / "back.json"
    told = ExportOptions(file=str(tmp_path / "d.json"), to="ilsvrc", out=str(text), **given)
    assert export_boxes(told) == ExportResult(text, 2, count)
    told = ImportOptions(file=str(text), out=str(back), **given)
    assert import_boxes(told) == ImportResult(back, "detections", 2, count)
    assert capfd.readouterr() == ("", "")


def test_options_are_named_as_in_python(tmp_path):
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(UsageError, match=r"^to is missing: .* ends in no longer tells: add to=npz"):
        export_boxes(ExportOptions(file="p", out="b.npz", split="test"))
    told = ImportOptions(file=tmp_path / "b.json", data="d", out="p", coordinates="voc")
    with pytest.raises(UsageError, match=r"^coordinates is for \.npz files"):
        import_boxes(told)
    with pytest.raises(UsageError, match=r"^coordinates=yx: Input should be 'xyxy', 'xywh', 'voc'"):
        ImportOptions(file="b.npz", data="d", out="p", coordinates="yx")
