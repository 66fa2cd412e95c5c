"""The files of a kind in a folder, without hidden ones, which belong to systems and editors.

macOS writes `._a.xml` beside `a.xml` on foreign disks: no annotation, and no list.
"""

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

_DEEP = "**/"


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return what in `folder` is called like `pattern`, sorted, in no hidden place; [] without one.

    "**/*.xml" looks in folders below it as well, also in those that are links. OSError for a disk
    that fails.
    """
    if pattern.startswith(_DEEP):
        name = pattern.removeprefix(_DEEP)
        return sorted(path for path in _below(folder) if fnmatch(path.name, name))
    return [path for path in sorted(folder.glob(pattern)) if not path.name.startswith(".")]


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in `folder`, sorted, hidden ones left out; [] without one."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _below(folder: Path) -> Iterator[Path]:
    """Yield what is in `folder` and below it: each real folder once, so that a loop of links ends.

    What a link alone leads to comes after all else; a link to what holds `folder` is a loop.
    """
    root = Path(os.path.realpath(folder))
    ahead, done = [folder], set[Path]()
    while ahead:
        start = ahead.pop(0)
        if start != folder and root.is_relative_to(os.path.realpath(start)):
            continue
        for place, folders, files in os.walk(start, onerror=_unless_absent):
            real = Path(os.path.realpath(place))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if real in done:
                folders.clear()
                continue
            done.add(real)
            visible = (name for name in files if not name.startswith("."))
            yield from (Path(place, name) for name in (*folders, *visible))
            ahead += [Path(place, name) for name in folders if os.path.islink(Path(place, name))]


def _unless_absent(error: OSError) -> None:
    """Raise `error` unless it says that there is no such folder, or that it may not be read."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
        raise error
