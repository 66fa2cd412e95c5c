"""The files of a kind in a folder, without hidden ones, which belong to systems and editors.

macOS writes `._a.xml` beside `a.xml` on foreign disks: no annotation, and no list.
"""

from pathlib import Path


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return what in `folder` is called like `pattern`, sorted, in no hidden place; [] without one.

    "**/*.xml" looks in folders below it as well.
    """
    found = sorted(folder.glob(pattern))
    return [path for path in found if not is_hidden(path.relative_to(folder))]


def is_hidden(path: Path) -> bool:
    """Tell whether `path`, or a folder in it, has a name that begins with a dot."""
    return any(part.startswith(".") for part in path.parts)


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in `folder`, sorted, hidden ones left out; [] without one."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
