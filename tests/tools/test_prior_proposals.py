"""tools/prior_proposals.py: the same priors everywhere, alone and after stored proposals."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from builders import write_voc

from detect.storage.proposals import ProposalFile

TOOL = Path(__file__).parents[2] / "tools/prior_proposals.py"


def run(data: Path, out: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    splits = ("--train", "train", "--split", "test")
    command = [sys.executable, TOOL, data, *splits, "--out", out, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_image_gets_the_same_priors_after_its_own_boxes(tmp_path: Path) -> None:
    data = write_voc(tmp_path / "voc", {"train": 4, "test": 3})
    done = run(data, tmp_path / "a.parquet", "--count", "3")
    assert done.returncode == 0, done.stderr
    alone = list(ProposalFile(tmp_path / "a.parquet"))
    assert [len(one) for one in alone] == [3, 3, 3]
    assert all(np.array_equal(one.boxes, alone[0].boxes) for one in alone)
    more = ("--count", "5", "--seed", "1", "--with", tmp_path / "a.parquet")
    assert run(data, tmp_path / "b.parquet", *more).returncode == 0
    for first, both in zip(alone, ProposalFile(tmp_path / "b.parquet"), strict=True):
        np.testing.assert_array_equal(both.boxes[:3], first.boxes)
        assert set(both.sources.tolist()) == {"priors"}


def test_more_priors_than_boxes_are_refused(tmp_path: Path) -> None:
    data = write_voc(tmp_path / "voc", {"train": 2, "test": 1})
    done = run(data, tmp_path / "a.parquet", "--count", "200")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: 200 priors asked for, but the split has ")
