"""Writing files: complete or not there at all, whatever happens in between."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from detect.errors import DataError, EnvironmentProblem
from detect.files import digest, readable, replacing, write_json, write_text


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/a.txt"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_keeps_the_earlier_file_and_leaves_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("earlier")
    with pytest.raises(error), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_process_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom detect.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert not path.exists()
    assert all(name.startswith(".") for name in os.listdir(tmp_path))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_the_environments_problem(tmp_path: Path, code: int) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(EnvironmentProblem) as caught, replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise OSError(code, os.strerror(code))
    assert str(caught.value) == (
        f"{path}: no space left on this disk. Free some or choose another out; "
        "what was finished is kept, go on with resume."
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_really_full_device(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no space left"), replacing(tmp_path / "a"):
        Path("/dev/full").write_text("x")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file/a.txt"
    with pytest.raises(DataError) as caught:
        write_text(path, "x")
    assert str(caught.value) in (
        f"{path}: cannot be written: Not a directory.",
        f"{path}: cannot be written: File exists.",
    )


def test_a_folder_of_the_name_stays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written: Is a directory"):
        write_text(tmp_path, "x")
    assert tmp_path.is_dir()


def test_an_error_without_text_is_still_told(tmp_path: Path) -> None:
    error = readable(OSError("strange"), tmp_path)
    assert str(error) == f"{tmp_path}: cannot be written: strange."


def test_json_reads_back_and_is_for_people(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"naïve": [1, 0.1, None, True]}
    write_json(path, value)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "naïve" in text
    assert text.endswith("}\n")
    assert "\n  " in text


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(tmp_path / "a.json", {"map": float("nan")})
    assert os.listdir(tmp_path) == []


def test_digest_is_the_head_of_sha256() -> None:
    assert digest("naïve") == hashlib.sha256("naïve".encode()).hexdigest()[:16]
    assert digest("") == "e3b0c44298fc1c14"
