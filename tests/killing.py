"""Commands killed before each of their changes to files, and called again after it."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from faults.children import Limits, call, import_everything

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
    warm = Path(scratch) / "first"
    shutil.copytree(earlier, warm)
    import_everything([_placed(first, warm)])
    for number in itertools.count(step, step):
        folder = Path(scratch) / str(number)
        shutil.copytree(earlier, folder)
        ended = call(_placed(first, folder), Limits(change=number))
        if ended.code == 0:
            return
        if ended.code != -signal.SIGKILL:
            sys.exit(f"it ended with {ended.code} before change {number}: {ended.said}")
        after = Path(f"{folder}-again")
        shutil.copytree(folder, after, symlinks=True)
        ended = call(_placed(again, after))
        if ended.code:
            sys.exit(f"called again after {number}, it failed: {ended.said}")
        print(number)


def _placed(words: Sequence[str], folder: Path) -> list[str]:
    return [str(folder) if word == _OUT else word for word in words]


if __name__ == "__main__":
    _main(*json.loads(sys.argv[1]))
