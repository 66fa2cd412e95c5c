"""`detect propose` as it is typed: files, messages, exit codes, interruptions."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from builders import SHARED, needs_shared, save_image, texture, write_voc
from interrupting import IMPORTING, STARTED, start_interrupted
from killing import contents

from detect.cli import main
from detect.proposals import run, selective_search
from detect.proposals.settings import COLOUR_SPACES, PRESETS, STRATEGIES
from detect.stages.propose import ProposeOptions
from detect.storage.proposals import ProposalFile

FAST = ("--width", "48", "--k", "50", "--workers", "1")


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a VOC set with 3 train and 2 test images."""
    return write_voc(tmp_path_factory.mktemp("data") / "voc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a plain folder of 100 images."""
    root, rng = tmp_path_factory.mktemp("plain"), np.random.default_rng(0)
    for number in range(100):
        save_image(root / f"{number:03d}.png", texture(rng, (48, 64)))
    return root


def _detect(
    capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0
) -> tuple[str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["propose", *map(str, arguments)])
    output = capsys.readouterr()
    assert stop.value.code == code, output.err
    return output.out, output.err


def _error(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    _, error = _detect(capsys, *arguments, code=code)
    assert error.count("\n") <= 2
    return error


def _bytes(path: Path) -> dict[str, bytes]:
    return {part.name: part.read_bytes() for part in path.iterdir()}


def test_the_choices_are_those_of_the_code() -> None:
    fields = ProposeOptions.model_fields
    assert get_args(fields["preset"].annotation) == tuple(PRESETS)
    assert get_args(fields["backend"].annotation) == tuple(run.BACKENDS)
    assert tuple(selective_search._CONVERSIONS) == COLOUR_SPACES
    assert tuple(selective_search._MEASURES) == STRATEGIES


def test_a_folder_of_parts(tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, error = _detect(capsys, voc, "--split", "train", "--out", tmp_path / "p", *FAST)
    stored = ProposalFile(tmp_path / "p")
    boxes = sum(map(len, stored))
    assert out == f"3 images, {boxes} boxes, {boxes / 3:.0f} an image: {tmp_path / 'p'}\n"
    assert "propose 3/3" in error
    assert stored.image_ids == ("train_000", "train_001", "train_002")
    assert stored.read("train_000").size == (96, 128)
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["part-00000.parquet"]


def test_the_recipe_says_what_decides_the_boxes(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        "--preset",
        "googlenet",
        "--width",
        64,
        "--seed",
        3,
        "--min-side",
        12,
        "--workers",
        1,
    )
    chosen = ("--colour-space", "rgi", "--strategy", "size", "--strategy", "fill")
    _detect(capsys, voc, "--split", "test", "--out", tmp_path / "p", *options, *chosen)
    recipe = ProposalFile(tmp_path / "p").recipe
    assert recipe.pop("opencv")
    assert re.fullmatch("[0-9a-f]{16}", recipe.pop("data"))
    assert recipe == {
        "method": "selective-search",
        "images": 2,
        "parameters": {
            "colour_spaces": ["rgi"],
            "ks": [100, 200],
            "strategies": ["size", "fill"],
            "sigma": 0.8,
            "width": 64,
            "min_side": 12.0,
            "search": "own",
            "seed": 3,
        },
    }


def test_the_same_bytes_for_workers_shards_and_a_single_file(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _detect(capsys, folder, "--out", tmp_path / "one", *FAST)
    _detect(capsys, folder, "--out", tmp_path / "two", *FAST, "--workers", 2)
    for shard in ("2/2", "1/2"):
        _detect(capsys, folder, "--out", tmp_path / "shards", *FAST, "--shard", shard)
    assert len(_bytes(tmp_path / "one")) == 2
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two") == _bytes(tmp_path / "shards")
    _detect(capsys, folder, "--out", tmp_path / "single.parquet", *FAST)
    single = ProposalFile(tmp_path / "single.parquet")
    for one, other in zip(ProposalFile(tmp_path / "one"), single, strict=True):
        assert one.boxes.tobytes() == other.boxes.tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one", "shards", "single.parquet", "two",
    ]  # fmt: skip


def test_both_searches_find_the_same_and_never_mix(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that names no search is OpenCV's, and is gone on with by it."""
    out, arguments = tmp_path / "opencv", (voc, "--split", "train", *FAST, "--out")
    _detect(capsys, *arguments, out, "--search", "opencv")
    _detect(capsys, *arguments, tmp_path / "own")
    stored, ours = ProposalFile(out), ProposalFile(tmp_path / "own")
    assert "search" not in stored.recipe["parameters"]
    assert ours.recipe["parameters"]["search"] == "own"
    for one, other in zip(stored, ours, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
    assert "already complete" in _detect(capsys, *arguments, out, "--resume")[0]
    error = _error(capsys, 4, *arguments, out, "--resume", "--search", "own")
    assert "different recipes: parameters.search None and own." in error


def test_one_file_that_was_begun_with_opencvs_search_is_gone_on_with(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (voc, "--split", "train", *FAST, "--out")
    _detect(capsys, *arguments, tmp_path / "p", "--search", "opencv")
    (tmp_path / "p").rename(tmp_path / ".p.parquet.parts")
    _detect(capsys, *arguments, tmp_path / "p.parquet", "--resume")
    assert "search" not in ProposalFile(tmp_path / "p.parquet").recipe["parameters"]


def test_the_hierarchy_ranks_for_our_own_search_alone(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (voc, "--split", "test", *FAST, "--ranking", "hierarchy", "--out", tmp_path / "p")
    _detect(capsys, *arguments)
    assert ProposalFile(tmp_path / "p").recipe["parameters"]["ranking"] == "hierarchy"
    error = _error(capsys, 2, *arguments, "--exist-ok", "--search", "opencv")
    assert error == ("Error: OpenCV does not give the hierarchy: ranking by it takes search own.\n")


@pytest.mark.parametrize("name", ["p", "p.parquet"])
def test_a_second_time_needs_resume_or_exist_ok(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / name
    arguments = (voc, "--split", "test", "--out", out, *FAST)
    _detect(capsys, *arguments)
    before = ProposalFile(out).recipe
    error = _error(capsys, 2, *arguments)
    assert error.startswith(f"Error: --out {out} exists already. Choose another, or add --resume")
    _detect(capsys, *arguments, "--resume")
    error = _error(capsys, 4, *arguments, "--resume", "--seed", 1)
    assert "different recipes: parameters.seed 0 and 1. They never mix" in error
    assert ProposalFile(out).recipe == before
    _detect(capsys, *arguments, "--exist-ok", "--seed", 1)
    assert ProposalFile(out).recipe["parameters"]["seed"] == 1


@pytest.mark.parametrize("shard", [(), ("--shard", "1/1")])
def test_earlier_parts_stay_until_the_new_ones_are_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shard: tuple[str, ...]
) -> None:
    root = write_voc(tmp_path / "voc", {"test": 66})
    arguments = (root, "--split", "test", "--out", tmp_path / "p", *FAST, *shard)
    _detect(capsys, *arguments)
    before = contents(tmp_path / "p")
    image = root / "JPEGImages/test_065.jpg"
    content = image.read_bytes()
    image.write_bytes(content[:100] + bytes(len(content) - 100))
    _error(capsys, 4, *arguments, "--exist-ok", "--seed", 1)
    hidden = next((tmp_path / "p").glob(".unfinished*"))
    assert [path.name for path in hidden.iterdir()] == ["part-00000.parquet"]
    assert contents(tmp_path / "p") == before
    image.write_bytes(content)
    _detect(capsys, *arguments, "--resume", "--seed", 1)
    assert ProposalFile(tmp_path / "p").recipe["parameters"]["seed"] == 1
    assert contents(tmp_path / "p").keys() == before.keys()


@pytest.mark.parametrize("name", ["p", "p.parquet"])
def test_what_is_finished_is_left_alone(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    arguments = (voc, "--split", "test", "--out", tmp_path / name, *FAST)
    _detect(capsys, *arguments)
    before = contents(tmp_path)
    out, _ = _detect(capsys, *arguments, "--resume")
    assert out == (
        f"already complete: {tmp_path / name}, made by an earlier command; nothing to do. To make "
        "it anew: --exist-ok in place of --resume.\n"
    )
    assert contents(tmp_path) == before


def test_a_shard_minds_its_own_parts(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (folder, "--out", tmp_path / "p", *FAST)
    _detect(capsys, *arguments, "--shard", "1/2")
    error = _error(capsys, 2, *arguments, "--shard", "1/2")
    assert "part-00000.parquet exists already" in error
    error = _error(capsys, 4, *arguments, "--shard", "2/2", "--seed", 9)
    assert "parameters.seed 0 and 9" in error
    _detect(capsys, *arguments, "--shard", "2/2")
    assert len(ProposalFile(tmp_path / "p")) == 100


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--shard", "3/2"), "--shard 3/2: expected I/N with I from 1 to N, such as 1/4."),
        (("--shard", "half"), "--shard half: expected I/N"),
        (("--width", "4"), "Error: width must be 16 to 1500 px, got 4."),
        (("--k", "0"), "every k must be at least 1, got [0]"),
        (("--sigma", "nan"), "--sigma nan: expected a finite number."),
        (("--preset", "fast"), "Invalid value for '--preset': 'fast' is not one of"),
        (("--method", "edges"), "Invalid value for '--method'"),
    ],
)
def test_bad_options(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...], text: str,
) -> None:  # fmt: skip
    error = _error(capsys, 2, voc, "--split", "test", "--out", tmp_path / "p", *options)
    assert text in error
    assert not (tmp_path / "p").exists()


def test_missing_out_and_a_shard_of_one_file(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--out is missing" in _error(capsys, 2, voc, "--split", "test")
    out = ("--out", tmp_path / "p.parquet", "--shard", "1/2")
    assert "--shard needs a folder" in _error(capsys, 2, voc, "--split", "test", *out)


def test_paths_and_splits_that_are_none(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such folder" in _error(capsys, 4, tmp_path / "none", "--out", tmp_path / "p")
    _error(capsys, 4, voc, "--split", "nosplit", "--out", tmp_path / "p")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "notes.txt").write_text("mine")
    error = _error(capsys, 4, voc, "--split", "test", "--out", tmp_path / "p", "--exist-ok", *FAST)
    assert "expected only part-NNNNN.parquet, found notes.txt" in error
    assert (tmp_path / "p" / "notes.txt").read_text() == "mine"


def test_a_truncated_image(tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = shutil.copytree(voc, tmp_path / "voc")
    image = next((root / "JPEGImages").glob("test_001.*"))
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    arguments = (root, "--split", "test", "--out", tmp_path / "p", *FAST)
    assert image.name in _error(capsys, 4, *arguments)
    assert not (tmp_path / "p").exists()
    out, error = _detect(capsys, *arguments, "--skip-bad")
    assert out.startswith("1 images, ")
    assert image.name in error
    assert error.endswith("Warning: images left out (--skip-bad): 1.\n")
    assert ProposalFile(tmp_path / "p").image_ids == ("test_000",)
    # Without --skip-bad the part lacks an image: it is made again, not taken for complete.
    assert image.name in _error(capsys, 4, *arguments, "--resume")


def test_dry_run_prints_hours_memory_and_disk(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    out, _ = _detect(capsys, folder, "--dry-run", "--width", 64, "--workers", 2)
    assert re.search(r"Timed 4 of 100 images: \d\.\d\d s and \d+ boxes an image", out)
    text = r"All 100 with 2 workers: \d+\.\d\d hours, \d+\.\d GB of memory, \d+\.\d MB on disk"
    assert re.search(text, out)
    assert list(tmp_path.iterdir()) == []


def _processes(parent: int) -> set[int]:
    """Return the living children of `parent`, from /proc."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == str(parent) and fields[0] != "Z":
            found.add(int(stat.parent.name))
    return found


def _is_alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:1]
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGKILL, -9)])
def test_interrupted_and_resumed(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    """Neither Ctrl-C nor kill -9 leaves half a file or a process, and --resume loses nothing."""
    slow = (str(folder), "--width", "96", "--k", "50")
    arguments = [*slow, "--out", str(tmp_path / "p")]
    first = tmp_path / "p" / "part-00000.parquet"
    whole_group = number == signal.SIGINT
    command = ("propose", *arguments, "--workers", "2")
    running = start_interrupted(first, number, *command, group=whole_group)
    children: set[int] = set()
    while running.poll() is None:
        children |= _processes(running.pid)
        time.sleep(0.005)
    _, error = running.communicate(timeout=60)
    assert running.returncode == code, error
    if number == signal.SIGINT:
        assert error.endswith("Error: stopped. What was finished is kept: go on with --resume.\n")
    deadline = time.monotonic() + 30
    while any(map(_is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children
    assert not any(map(_is_alive, children))
    kept = first.stat().st_mtime_ns
    assert list((tmp_path / "p").glob("part-*")) == [first]
    _detect(capsys, *arguments, "--workers", "1", "--resume")
    assert first.stat().st_mtime_ns == kept
    _detect(capsys, *slow, "--out", tmp_path / "whole", "--workers", "1")
    assert _bytes(tmp_path / "p") == _bytes(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("moment", [STARTED, IMPORTING], ids=["started", "importing"])
def test_ctrl_c_while_workers_start_is_one_line(tmp_path: Path, folder: Path, moment: Path) -> None:
    command = ("propose", folder, "--width", "96", "--k", "50", "--out", tmp_path / "p")
    running = start_interrupted(moment, signal.SIGINT, *command, "--workers", "2", group=True)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 1
    assert error == "\nError: stopped. What was finished is kept: go on with --resume.\n"


_LIMITED = """
import mmap, resource, sys
from pathlib import Path

import detect.proposals.run
from detect.cli import main

# The workers begin with as much as this process has; joblib waits for threads that do not start.
more = int(sys.argv.pop(1))
taken = mmap.mmap(-1, 2**29)  # with less than 768 MiB nothing begins
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more,) * 2)
main()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks /proc for the memory")
@pytest.mark.parametrize("more", [32, 48])
def test_workers_that_memory_does_not_suffice_for_are_refused(
    tmp_path: Path, voc: Path, more: int
) -> None:
    words = ["propose", voc, "--split", "train", "--out", tmp_path / "p", *FAST, "--workers", "4"]
    words += ["--search", "opencv"]  # numba would be the first to want memory
    program = [sys.executable, "-c", _LIMITED, str(more * 2**20), *map(str, words)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (
        3,
        "Error: not enough memory to start worker processes. Use --workers 1, or allow more "
        "(ulimit -v).\n",
    )


@needs_shared
def test_real_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = (SHARED / "bccd/ImageSets/Main/val.txt").read_text().split()[:2]
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    _detect(
        capsys, SHARED / "bccd", "--split", tmp_path / "ids.txt", "--out", tmp_path / "p",
        "--preset", "googlenet",
    )  # fmt: skip
    assert 300 < np.mean([len(one) for one in ProposalFile(tmp_path / "p")]) < 1500


def test_workers_follow_to_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        write_voc(tmp_path / name / "voc", {"test": 2}, seed=len(name))
    for name in ("one", "two"):
        monkeypatch.chdir(tmp_path / name)
        given = ["propose", "voc", "--split", "test", "--out", "p", "--workers", "2"]
        with pytest.raises(SystemExit) as stop:
            main(given)
        assert stop.value.code == 0
        # Gone for workers that stay in the first folder.
        shutil.rmtree(Path("voc/JPEGImages"))
