"""`detect doctor` in environments that work and that do not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from detect.cli import main
from detect.doctor import REPAIR


def _doctor_with(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `detect doctor` in an environment where `folder` comes before the installed packages."""
    code = "from detect.cli import main; main(['doctor'])"
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


def _package(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text, encoding="utf-8")


def _line(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line[11:].startswith(name + " "))


def test_a_working_environment_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["doctor"])
    output = capsys.readouterr()
    assert stop.value.code == 0, output.out
    assert output.err == ""
    assert "problem" not in output.out
    assert "boxes on a test image" in _line(output.out, "Selective Search")
    assert output.out.endswith("Everything needed is there.\n")


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    findings = [line for line in lines if line.startswith("  ok ")]
    assert len(findings) > 15
    assert {line[44] for line in findings} == {" "}
    assert " " not in {line[45] for line in findings}


def test_an_opencv_without_contrib_modules_is_found_and_repaired(tmp_path: Path) -> None:
    # What opencv-python-headless leaves behind: the name ximgproc, without Selective Search.
    _package(tmp_path, "cv2", "__version__ = '5.0.0'\nclass ximgproc: pass\n")
    _package(tmp_path, "torch", "raise OSError('libtorch.so: cannot open shared object file')\n")
    done = _doctor_with(tmp_path)
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    assert _line(done.stdout, "Selective Search").split()[0] == "problem"
    assert f"-> {REPAIR}" in done.stdout
    assert "libtorch.so: cannot open" in _line(done.stdout, "torch")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.endswith("problems found: see the arrows above for what to do.\n")


def test_without_what_stages_need_it_still_reports(tmp_path: Path) -> None:
    for name in ("cv2", "torch", "torchvision", "numpy", "pydantic"):
        _package(tmp_path, name, f"raise ModuleNotFoundError(\"No module named '{name}'\")\n")
    done = _doctor_with(tmp_path)
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    assert "No module named 'cv2'" in _line(done.stdout, "opencv-contrib-python-headless")
    assert "GiB free" in _line(done.stdout, "disk")
