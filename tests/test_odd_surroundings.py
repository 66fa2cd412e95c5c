"""Terminals, disks and machines that are not as usual: no crash, no library that speaks."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from builders import write_coco, write_voc
from proposing import propose_randomly

from detect.data import open_dataset


def _run(line, **environment):
    """Run `detect LINE` in a shell with an interpreter of its own."""
    program = f"{sys.executable} -c 'from detect.cli import main; main()' {line}"
    variables = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", program], capture_output=True, env=variables, check=False)


@pytest.fixture
def cats(tmp_path):
    """Return the words of an eval of detections of a class that cp1252 has no letter for."""
    root = write_coco(tmp_path / "set", {"train": 2}, ("猫", "b"))
    data = json.loads((root / "annotations/instances_train.json").read_text(encoding="utf-8"))
    found = [{**one, "score": 0.5} for one in data["annotations"]]
    (tmp_path / "d.json").write_text(json.dumps(found))
    told = f"--map --per-class --data {root} --split train --detections {tmp_path / 'd.json'}"
    return f"eval {told} --json {tmp_path / 'figures.json'}"


def test_a_terminal_without_the_letters_of_a_class(tmp_path, cats):
    done = _run(cats, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert b"\\u732b" in done.stdout
    assert "猫" in (tmp_path / "figures.json").read_text(encoding="utf-8")


def test_an_output_that_is_full_is_no_bug(cats):
    for line in (cats, "--help", "eval --help", "--version"):
        done = _run(f"{line} > /dev/full")
        assert done.returncode == 3
        assert b"the output cannot be written: No space left on device." in done.stderr


def test_libraries_do_not_speak_to_whoever_types(tmp_path):
    root = write_coco(tmp_path / "set", {"train": 2})
    propose_randomly(open_dataset(root, "train"), tmp_path / "猫.parquet")
    files = f"--proposals {tmp_path / '猫.parquet'} --plot {tmp_path / 'p.png'}"
    told = f"eval --recall --data {root} --split train {files}"
    done = _run(told, HOME="/nonexistent/home", MPLCONFIGDIR="")
    assert (done.returncode, done.stderr.startswith(b"scoring 2/2")) == (0, True)
    assert done.stderr.count(b"\n") == 1


def _without_shared_memory(line, size):
    """Run `detect LINE` where /dev/shm has `size`; None where this process may not mount it."""
    mounted = f"mount -t tmpfs -o {size} tmpfs /dev/shm"
    if subprocess.run(["unshare", "-m", "bash", "-c", mounted], capture_output=True).returncode:
        return None
    program = f"{sys.executable} -c 'from detect.cli import main; main()' {line}"
    command = ["unshare", "-m", "bash", "-c", f"{mounted}; {program}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_worker_processes_without_shared_memory(tmp_path):
    root = write_voc(tmp_path / "set", {"train": 2})
    told = f"propose {root} --split train --workers 2 --width 64 --k 50 --out {tmp_path / 'p'}"
    full = _without_shared_memory(told, "size=4k")
    if full is None:
        pytest.skip("may not mount")
    assert full.returncode == 3
    assert "worker processes cannot start: No space left on device. They share" in full.stderr
    assert "or use --workers 1." in full.stderr
    read_only = _without_shared_memory(f"{told}2", "ro,size=4k")
    assert read_only.returncode == 0
    assert "joblib" not in read_only.stderr
