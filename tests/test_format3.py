"""Runs of format 3 (format3/README.md), which looked once and moved no box, mean what they did."""

import shutil
from pathlib import Path

import pytest
from commands import call
from earlier import RUN, files

from detect.storage.scores import ScoresFile

__all__ = ["files"]


@pytest.fixture(autouse=True)
def earlier(files: Path) -> None:
    """Put the runs of format 3 in place of those of format 1."""
    for name in ("run", "half"):
        shutil.rmtree(files / name)
        shutil.copytree(Path(__file__).parent / "format3" / name, files / name)


def test_kept_scores_recombine_and_are_of_crops_as_they_are() -> None:
    card = ScoresFile(Path("run")).card
    assert (card.mirror, card.rounds, card.again, card.deltas) == (False, 1, 0, "off")
    assert call("ensemble", "run", "--out", "new") == 0
    assert Path("new/detections.json").read_bytes() == Path("run/detections.json").read_bytes()


def test_an_interrupted_run_goes_on_and_not_with_mirrored_crops(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(*RUN, "half", "--resume", "--mirror") == 4
    assert "it has 'mirror = false', now 'mirror = true'" in capsys.readouterr().err
    assert call(*RUN, "half", "--resume") == 0
    assert ScoresFile(Path("half")).card.mirror is False
