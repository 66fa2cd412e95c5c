"""Writing files: complete or not there at all, whatever happens in between."""

import ast
import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from full_disk import no_file_above

import detect
from detect.errors import DataError, EnvironmentProblem
from detect.files import (
    append_line,
    cut_unfinished_line,
    digest,
    readable,
    remove_unfinished,
    replacing,
    to_disk,
    write_bytes,
    write_json,
    write_text,
    writing,
)

ROOT = Path(detect.__file__).parent


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
        f"{path}: no space left on this disk. Free some or choose another out."
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_really_full_device(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no space left"), replacing(tmp_path / "a"):
        Path("/dev/full").write_text("x")


def test_a_write_cut_short_is_an_error_and_keeps_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"earlier")
    text = r"no space left on this disk \(or this process may write no file as large\)\. Free"
    with no_file_above(1000), pytest.raises(EnvironmentProblem, match=text):
        write_bytes(path, b"x" * 5000)
    assert path.read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("hidden", [ValueError("enforce fail"), None])
def test_a_failure_that_a_library_hides_or_makes_its_own_is_told(
    tmp_path: Path, hidden: Exception | None
) -> None:

    def library() -> None:
        with writing(tmp_path / "a") as stream:
            with suppress(OSError):
                stream.write(b"x" * 20000)
            if hidden is not None:
                raise hidden

    with no_file_above(1000), pytest.raises(EnvironmentProblem, match="no space left"):
        library()
    assert os.listdir(tmp_path) == []


def test_a_symbolic_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "a").symlink_to("target")
    write_text(tmp_path / "a", "ours")
    assert (tmp_path / "target").read_text() == "theirs"
    assert (tmp_path / "a").read_text() == "ours"


def test_a_record_gets_whole_lines_after_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    append_line(path, "one")
    with path.open("ab") as stream:
        stream.write(b"tw")
    append_line(path, "three")
    assert path.read_bytes() == b"one\nthree\n"
    with no_file_above(1000), pytest.raises(EnvironmentProblem, match="no space left"):
        append_line(path, "x" * 2000)
    assert path.read_bytes() == b"one\nthree\n"
    path.write_bytes(b"never ended")
    cut_unfinished_line(path)
    assert path.read_bytes() == b""


def test_a_record_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "log.txt").symlink_to("target")
    for call in (lambda path: append_line(path, "x"), cut_unfinished_line):
        with pytest.raises(DataError, match=r"log\.txt: is a symbolic link, which is not written"):
            call(tmp_path / "log.txt")
    assert (tmp_path / "target").read_text() == "theirs"


def _dead() -> int:
    """Return the number of a process that has ended."""
    return int(subprocess.run(["sh", "-c", "echo $$"], capture_output=True, check=True).stdout)


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    dead = _dead()
    (tmp_path / "weights").mkdir()
    (tmp_path / "other").mkdir()
    gone = [f".state.pt.{dead}.tmp", f"weights/.last.safetensors.{dead}.tmp"]
    kept = [f".state.pt.{os.getppid()}.tmp", f"other/.a.{dead}.tmp", ".mine.tmp", "state.pt"]
    for name in (*gone, *kept):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path, "log.txt")
    assert all((tmp_path / name).exists() for name in (*gone, *kept))
    remove_unfinished(tmp_path)
    assert [name for name in gone if (tmp_path / name).exists()] == []
    assert all((tmp_path / name).exists() for name in kept)
    remove_unfinished(tmp_path, held=True)
    assert not (tmp_path / kept[0]).exists()
    remove_unfinished(tmp_path / "missing")


def test_files_and_folders_go_to_the_disk_and_what_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    to_disk([tmp_path / "a", tmp_path])
    with pytest.raises(FileNotFoundError):
        to_disk([tmp_path / "b"])


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


# What opens or makes files: forbidden in detect/, but in files.py.
OPENING = {
    "open",
    "write_text",
    "write_bytes",
    "touch",
    "rename",
    "mkstemp",
    "link_to",
    "symlink_to",
}
OF_MODULES = {
    "os": {"open", "rename", "replace", "link", "symlink", "truncate", "mknod"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move"},
}
# Libraries that write by name or to a stream: only inside of `with replacing` and `with writing`.
BY_NAME = {"save", "savez", "savez_compressed", "save_file", "savefig", "tofile", "write_table"}
BY_NAME |= {"ParquetWriter", "ZipFile", "imwrite", "FileIO"}
INSIDE = {"replacing", "writing", "writing_text"}
# The library and its functions that return bytes, or write to a buffer in memory; other `save`s.
HARMLESS = {
    ("models/model_files.py", "save"),  # safetensors: returns bytes
    ("models/checkpoints.py", "save"),
    ("storage/features.py", "save"),
    ("visualize/files.py", "save"),  # to BytesIO
    ("report/images.py", "save"),
    ("report/looks.py", "savefig"),
    ("training/loop.py", "save"),  # the trainer's own
    ("training/step_time.py", "save"),
    ("storage/npz.py", "ZipFile"),  # to read
    ("storage/proposals.py", "write_table"),  # of a writer opened inside
    ("storage/unfinished.py", "write_table"),  # our own
    ("storage/npz.py", "ZipFile"),  # to read
    ("models/training_state.py", "ZipFile"),
    ("memory.py", "write_text"),  # to the kernel
    ("cli/speaking.py", "open"),  # os.devnull
    ("locks.py", "open"),  # of the lock itself, which holds nothing but its holder's name
    ("together.py", "open"),  # of a folder, to lock it
    ("stages/train/work.py", "replace"),  # of a folder that goes away
    ("together.py", "replace"),  # the commit, and what follows it
}


def _opens_to_write(call: ast.Call, name: str) -> bool:
    """Tell whether `call` opens a file, its mode unknown or one that writes."""
    values = [*call.args, *(one.value for one in call.keywords if one.arg == "mode")]
    modes = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
    return name != "open" or any(set(mode) & set("wax+") and len(mode) < 4 for mode in modes)


def _writes(tree: ast.AST, inside: bool = False) -> Iterator[str]:
    """Yield the names of the calls in `tree` that write a file another way."""
    if isinstance(tree, ast.With):
        names = {getattr(getattr(one.context_expr, "func", None), "id", "") for one in tree.items}
        inside = inside or bool(names & INSIDE)
    if isinstance(tree, ast.Call):
        name = getattr(tree.func, "attr", getattr(tree.func, "id", ""))
        owner = getattr(getattr(tree.func, "value", None), "id", "")
        method = isinstance(tree.func, ast.Attribute) or name == "open"
        opening = name in OPENING and method and owner != "files" and _opens_to_write(tree, name)
        of_module = name in OF_MODULES.get(owner, ())
        if of_module or (not inside and (opening or name in BY_NAME)):
            yield name
    for child in ast.iter_child_nodes(tree):
        yield from _writes(child, inside)


def test_nothing_is_written_another_way() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in sorted(ROOT.rglob("*.py"))
        if path != ROOT / "files.py"
        for name in _writes(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == HARMLESS


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('open(path, "w")', ["open"]),
        ('path.open(mode="rb+")', ["open"]),
        ('path.open("a", encoding="utf-8")', ["open"]),
        ('path.open(encoding="utf-8")', []),
        ("os.open(path, 0); os.replace(a, b); text.replace(a, b)", ["open", "replace"]),
        ("path.write_bytes(b); write_bytes(path, b)", ["write_bytes"]),
        ("torch.save(state, path)", ["save"]),
        ("with replacing(path) as temporary:\n    torch.save(state, temporary)", []),
        ('with replacing(a) as b:\n    os.open(a, 0)\nopen(a, "x")', ["open", "open"]),
        ("shutil.copy(a, b)", ["copy"]),
    ],
)
def test_the_search_finds_what_writes(source: str, names: list[str]) -> None:
    assert list(_writes(ast.parse(source))) == names
