"""Commands killed before each of their changes to files, and called again after it.

One process imports everything, computes nothing, and forks a child for every call. An audit hook
ends a child, as SIGKILL does, before its Nth opening for writing, renaming, removing or making.
"""

import importlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_OUT = "OUT"


def killed(
    scratch: Path,
    earlier: Path,
    first: Sequence[object],
    again: Sequence[object],
    step: int = 1,
) -> Iterator[tuple[Path, Path]]:
    """Yield the folders that `detect FIRST`, killed, left, and what `detect AGAIN` made of each.

    OUT in both stands for the folder, which holds at first what is in `earlier`. It is killed
    before every `step`-th change, until it ends by itself.
    """
    words = [[str(word) for word in call] for call in (first, again)]
    told = json.dumps([str(scratch), str(earlier), *words, step])
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, __file__, told], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in done.stdout.split():
        yield scratch / name, scratch / f"{name}-again"


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file in and below `folder` by its name, but hidden ones and unfinished work."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.relative_to(folder).as_posix().startswith((".", "unfinished"))
    }


def _main(scratch: str, earlier: str, first: list[str], again: list[str], step: int) -> None:
    _import_what_it_needs(first, Path(earlier), Path(scratch) / "first")
    for number in itertools.count(step, step):
        folder = Path(scratch) / str(number)
        shutil.copytree(earlier, folder)
        if _call(first, folder, number) == 0:
            return
        shutil.copytree(folder, f"{folder}-again", symlinks=True)
        if _call(again, Path(f"{folder}-again")) != 0:
            sys.exit(f"called again after {number}, it failed")
        print(number)


def _import_what_it_needs(words: list[str], earlier: Path, folder: Path) -> None:
    """Import every module that `detect WORDS` uses, which a child tells."""
    shutil.copytree(earlier, folder)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        _detect([str(folder) if word == _OUT else word for word in words], writing)
    os.close(writing)
    with open(reading) as stream:
        for name in stream.read().split():
            with suppress(ImportError):  # made by another module
                importlib.import_module(name)
    os.waitpid(child, 0)


def _call(words: list[str], folder: Path, number: int = 0) -> int:
    """Call `detect WORDS` in a child, ended before change `number`; return its code, 9 if so."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        end_before(number)
        _detect([str(folder) if word == _OUT else word for word in words])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, 9):
        sys.exit(f"it ended with {code} before change {number}")
    return code


def _detect(words: list[str], tell: int | None = None) -> None:
    """End this process with `detect WORDS`; `tell` a pipe which modules it used."""
    from detect.cli import main

    try:
        main(words)
    except SystemExit as stop:
        if tell is not None:
            os.write(tell, " ".join(sys.modules).encode())
        os._exit(int(stop.code or 0))


def end_before(number: int) -> None:
    """End this process before its `number`-th change of files, counted from here; 0: never."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
        if event in _CHANGES or (opens and arguments[0] != os.devnull):
            count += 1
            if count == number:
                os._exit(9)

    if number:
        sys.addaudithook(hook)


if __name__ == "__main__":
    _main(*json.loads(sys.argv[1]))
