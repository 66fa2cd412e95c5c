"""`visualize` called from Python."""

from pathlib import Path

import pytest
from builders import write_voc

from detect.errors import DataError, UsageError
from detect.stages import VisualizeOptions, VisualizeResult, visualize


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("visualize") / "voc")


def test_it_returns_the_pictures_and_says_nothing(root, tmp_path, capfd):
    given = {"data": str(root), "split": "test", "ground_truth": True, "out": str(tmp_path)}
    pictures = tuple(tmp_path / f"test_{number:03d}.jpg" for number in (0, 1))
    one = visualize(VisualizeOptions(**given, image="test_001"))
    assert one == VisualizeResult(tmp_path, pictures[1:], drawn=1)
    both = visualize(VisualizeOptions(**given, resume=True))
    assert both == VisualizeResult(tmp_path, pictures, drawn=1)
    assert all(path.is_file() for path in pictures)
    assert capfd.readouterr() == ("", "")


def test_options_are_named_as_in_python(root, tmp_path):
    given = {"data": str(root), "split": "test", "out": str(tmp_path)}
    with pytest.raises(UsageError, match=r"^give one of detections=F, proposals=P"):
        visualize(VisualizeOptions(**given))
    with pytest.raises(DataError, match=r"^image=tst_001: no such image among the 2 of split"):
        visualize(VisualizeOptions(**given, ground_truth=True, image=["tst_001"]))
