"""Runs of format 2 (format2/README.md), which knew no voting, mean what they meant."""

import json
import shutil
from pathlib import Path

import pytest
from commands import call
from earlier import RUN, files

from detect.storage.scores import ScoresFile

__all__ = ["files"]


@pytest.fixture(autouse=True)
def earlier(files: Path) -> None:
    """Put the runs of format 2 in place of those of format 1."""
    for name in ("run", "half"):
        shutil.rmtree(files / name)
        shutil.copytree(Path(__file__).parent / "format2" / name, files / name)


def test_kept_scores_recombine_without_voting_unless_asked() -> None:
    card = ScoresFile(Path("run")).card
    assert (card.kind, card.vote, card.decay) == ("nms", "off", "gaussian")
    assert call("ensemble", "run", "--out", "new") == 0
    detections = Path("run/detections.json").read_bytes()
    assert Path("new/detections.json").read_bytes() == detections
    assert call("ensemble", "run", "--out", "voted", "--vote", "0.5") == 0
    assert Path("voted/detections.json").read_bytes() != detections


def test_an_interrupted_run_goes_on() -> None:
    assert call(*RUN, "half", "--resume") == 0
    now, then = (json.loads(Path(f"{run}/detections.json").read_text()) for run in ("half", "run"))
    assert [one["category_id"] for one in now] == [one["category_id"] for one in then]
    for one, other in zip(now, then, strict=True):
        assert one["bbox"] == pytest.approx(other["bbox"])
    assert ScoresFile(Path("half")).card.vote == "off"


def test_an_interrupted_run_goes_on_with_no_other_selection(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(*RUN, "half", "--resume", "--vote", "0.5") == 4
    assert "it has 'vote = \"off\"', now 'vote = 0.5'" in capsys.readouterr().err
    assert call(*RUN, "half", "--resume", "--kind", "wbf") == 4
    assert "it has 'kind = \"nms\"', now 'kind = \"wbf\"'" in capsys.readouterr().err


def test_a_run_with_the_recipe_of_its_time_is_complete(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(*RUN, "run", "--resume") == 0
    assert "already complete" in capsys.readouterr().out
