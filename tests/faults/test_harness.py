"""The faults of `make faults`, at the size of every run of the tests; and that they are seen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import save_image, texture
from faults.cases import Case, Clean, Place, tried
from faults.children import Limits, call
from faults.commands import COMMANDS, Command
from faults.results import meanings, unsound
from numpy.random import default_rng

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks, and limits memory by /proc")


@linux
@pytest.mark.slow
def test_nothing_is_lost_or_wrong_whatever_happens() -> None:
    sizes = ["--kills", "60", "--inputs", "1500"]
    done = subprocess.run(
        [sys.executable, "-m", "faults.harness", *sizes],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| killed at a change of files | killed |" in done.stdout
    assert "| a damaged file | refused |" in done.stdout


def _folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


def test_files_that_are_cut_or_of_no_result_are_seen(tmp_path: Path) -> None:
    out = _folder(tmp_path / "out", a_json='{"a": 1}', config_toml="a = 1\n")
    known = meanings(out)
    assert unsound(out, {}, known) == []
    (out / "a.json").write_text('{"a": 2}')
    assert unsound(out, {}, known) == ["a.json: is none of the earlier result nor of the new one"]
    (out / "a.json").write_text('{"a": ')
    assert unsound(out, {}, known)[0].startswith("a.json: cannot be read: JSONDecodeError")
    (out / "a.json").unlink()
    save_image(out / "a.jpg", texture(default_rng(0), (64, 64)))
    (out / "a.jpg").write_bytes((out / "a.jpg").read_bytes()[:-600])
    assert unsound(out, known)[0].startswith("a.jpg: cannot be read: OSError")


@linux
def test_what_goes_wrong_with_a_command_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "world", tmp_path / "made")
    for folder in (place.world, place.made):
        folder.mkdir()
    words = "split WORLD/none --split x --out OUT"
    monkeypatch.setitem(COMMANDS, "split", Command(words))
    known = Clean("split", {}, {"a.json": "0"}, 1, 0.1, 1, 1)
    case = Case("split", "killed at a change of files", 99)
    assert tried(place, known, case).faults[0].startswith("ended with 4: 'Error: ")


@linux
def test_children_end_at_their_limits(tmp_path: Path) -> None:
    refused = call(["split", tmp_path / "none", "--split", "x", "--out", tmp_path / "out"])
    assert refused.code == 4
    assert refused.said.endswith("none: no such folder; expected a data set.\n")
    ended = call(["split", "--help"])
    assert (ended.code, ended.changes, ended.said) == (0, 0, "")
    assert call(["split", "--help"], Limits(seconds=1e-4)).code == -9
