"""Files that belong together: workplaces, and who moves what is complete to its place."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import write_voc
from commands import call

from detect.errors import DataError
from detect.together import settle, together, workplace


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Make a folder of somebody's, with a file."""
    (tmp_path / "target").mkdir()
    (tmp_path / "target/theirs").write_text("theirs")
    return tmp_path / "target"


def _make(out: Path) -> None:
    with together(out) as folder:
        folder.mkdir()


@pytest.mark.parametrize(
    ("name", "work"),
    [
        (".unfinished", _make),
        (".unfinished", lambda out: workplace(out, earlier=True, resume=True)),
        (".unfinished", lambda out: workplace(out, earlier=True, resume=False)),
        (".complete", settle),
    ],
)
def test_a_workplace_that_is_a_symbolic_link_is_refused(tmp_path, target, name, work):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).symlink_to(target)
    with pytest.raises(DataError, match=rf"out/{name}: is a symbolic link, which is not written"):
        work(out)
    assert [path.name for path in target.iterdir()] == ["theirs"]
    assert [path.name for path in out.iterdir()] == [name]


@pytest.mark.parametrize("link", ["p/.unfinished", ".p.parquet.parts"])
@pytest.mark.parametrize("more", [["--resume"], ["--exist-ok"]])
def test_no_command_writes_through_a_link(tmp_path, target, link, more, capsys):
    write_voc(tmp_path / "voc", {"test": 1})
    (tmp_path / "p").mkdir()
    (tmp_path / link).symlink_to(target)
    out = tmp_path / ("p" if "/" in link else "p.parquet")
    words = ["propose", tmp_path / "voc", "--split", "test", "--width", "48", "--workers", "1"]
    assert call(*words, "--out", out, *more) == 4
    assert f"{link}: is a symbolic link" in capsys.readouterr().err
    assert [path.name for path in target.iterdir()] == ["theirs"]


def test_folders_that_only_earlier_files_were_in_go_with_them(tmp_path):
    for name in ("pictures/a.jpg", "pictures/b.jpg", "weights/best", "weights/mine", "log.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    earlier = [tmp_path / name for name in ("pictures/a.jpg", "pictures/b.jpg", "weights/best")]
    with together(tmp_path, [*earlier, tmp_path / "log.txt"]) as folder:
        folder.mkdir()
        (folder / "new").write_text("new")
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert names == ["new", "weights", "weights/mine"]


def _replace(out: Path, names: tuple[str, ...]) -> None:
    with together(out, [out / "networks"]) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / name).write_text("new")


@pytest.mark.parametrize("moved", range(4))
def test_a_folder_that_is_replaced_is_whole_wherever_a_process_dies(tmp_path, monkeypatch, moved):
    names = ("card.json", "networks/1", "networks/2")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    replace, left = os.replace, [1 + moved]  # one for the note, then that of the folder

    def until_killed(source: Path, target: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", until_killed)
    with pytest.raises(KeyboardInterrupt):
        _replace(tmp_path, names)
    monkeypatch.undo()
    settle(tmp_path)
    text = "old" if moved == 0 else "new"
    assert [(tmp_path / name).read_text() for name in names] == [text] * len(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "networks"]


_SETTLING = """
import sys
import json
import subprocess
import sys
from pathlib import Path
from detect.together import settle

for line in sys.stdin:
    settle(Path(line.strip()))
    print("done", flush=True)
"""


def _complete(out: Path) -> None:
    """Leave in `out` what a process leaves that is killed after the rename that counts."""
    (out / ".complete/pictures").mkdir(parents=True)
    (out / ".complete/.gone.json").write_text(json.dumps([f"old{n}" for n in range(20)]))
    for name in [f"new{n}" for n in range(20)] + ["pictures/a.jpg"]:
        (out / ".complete" / name).write_text("new")
    for number in range(20):
        (out / f"old{number}").write_text("old")


def test_two_processes_that_settle_at_once_do_not_break_each_other(tmp_path):
    program = [sys.executable, "-c", _SETTLING]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(program, **pipes) for _ in range(2)]
    for number in range(100):
        out = tmp_path / str(number)
        _complete(out)
        for process in processes:
            print(out, file=process.stdin, flush=True)
        assert [process.stdout.readline() for process in processes] == ["done\n"] * 2
        names = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
        assert names == sorted([f"new{n}" for n in range(20)] + ["pictures", "pictures/a.jpg"])
    for process in processes:
        process.stdin.close()
        assert process.wait() == 0
