"""What proposes regions, and by how many processes."""

import joblib
import pytest

from detect.proposals.settings import PRESETS
from detect.stages.sources import SEARCH, MultiBoxChoice, make_source


@pytest.mark.parametrize(
    ("given", "images", "workers"),
    [
        (None, 0, 1),
        (None, 7, 1),  # Four images each, or a process starts longer than it works.
        (None, 8, 2),
        (None, 10_000, 16),
        (3, 1, 3),
        (0, 10_000, 1),
    ],
)
def test_processes_have_a_few_images_each_unless_they_are_told(
    monkeypatch: pytest.MonkeyPatch, given: int | None, images: int, workers: int
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 16)
    source = make_source(SEARCH, PRESETS["rcnn"], 0, MultiBoxChoice((), "cpu", "auto"))
    assert source.workers(given, images) == workers
