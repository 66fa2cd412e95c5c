"""Files that belong together take the place of an earlier result in one step.

They are made in OUT/.unfinished, out of the way of what is in OUT. One rename, of that folder to
OUT/.complete, makes them the result: a process killed before it leaves the earlier result, one
killed after it the new one. Then each file goes to its place, and those go that only the earlier
result had. What a killed process has not moved is moved by whoever uses OUT next (`settle`).
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from detect.errors import DataError
from detect.files import make_folder, readable, refuse_link, to_disk, write_json
from detect.reading import is_path, read_json

if sys.platform != "win32":
    import fcntl

UNFINISHED = ".unfinished"
_COMPLETE = ".complete"  # and what else the name of the workplace has
# In OUT/.complete: what the earlier result had and the new one has not.
_GONE = ".gone.json"


@contextmanager
def together(out: Path, earlier: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield a folder, not there yet, whose files become those of the folder `out` at the end.

    With them `earlier` ones, files and folders in `out`, go; on a failure all in `out` stays.
    Here and below a symbolic link in the place of a workplace is a DataError.
    """
    folder, there = out / UNFINISHED, out.is_dir()
    refuse_link(folder)
    remove(folder)
    try:
        yield folder
        commit(folder, earlier)
    finally:
        remove(folder)
        if not there:
            with suppress(OSError):  # It has the files, or was never made.
                out.rmdir()


def workplace(out: Path, *, earlier: bool, resume: bool, name: str = UNFINISHED) -> Path:
    """Return the folder where a stage that can be resumed makes the files of `out`.

    `out` itself, unless there is an `earlier` result, which stays until the new one is complete:
    then OUT/.unfinished (`name`). With `resume` that, if it was begun. `commit` ends it.
    """
    folder = out / name
    refuse_link(folder)
    if resume and folder.is_dir():
        return folder
    remove(folder)
    return folder if earlier else out


def is_workplace(folder: Path) -> bool:
    """Tell whether the files in `folder` are yet to take the place of an earlier result."""
    return folder.name.startswith(UNFINISHED)


def commit(folder: Path, earlier: Iterable[Path] = ()) -> None:
    """Make the files in `folder`, a `workplace`, those of the folder it is in; all or none.

    Of `earlier` files and folders there those go that are not among them, and folders in it that
    held nothing else.
    """
    out = folder.parent
    settle(out)
    new = {path.relative_to(folder) for path in _files(folder)}
    gone = sorted({path.relative_to(out) for path in earlier} - new)
    write_json(folder / _GONE, [path.as_posix() for path in gone])
    try:
        to_disk(path for path in (folder, *folder.rglob("*")) if path.is_dir())
        os.replace(folder, out / folder.name.replace(UNFINISHED, _COMPLETE))
        to_disk([out])
    except OSError as error:
        raise readable(error, out) from error
    settle(out)


def settle(out: Path) -> None:
    """Move to their places in the folder `out` the files of a result that is complete.

    Nothing is to do unless a process was killed while it did so, or is just doing it: then this
    waits for it, whether it is going to write in `out` or to read.
    """
    for complete in out.glob(f"{_COMPLETE}*"):
        refuse_link(complete)
        try:
            with _alone(complete) as there:
                if there:
                    _settle(out, complete)
        except OSError as error:
            raise readable(error, out) from error


def _settle(out: Path, complete: Path) -> None:
    for name in _gone(complete):
        remove(out / name)
        with suppress(OSError):  # Something is left in the folder it was in.
            if (folder := (out / name).parent) != out:
                folder.rmdir()
    # Of a folder among them, new files may be in its place once the first is moved.
    (complete / _GONE).unlink(missing_ok=True)
    to_disk([complete, out])
    places = {out}
    for path in _files(complete):
        place = out / path.relative_to(complete)
        make_folder(place.parent)
        os.replace(path, place)
        places.add(place.parent)
    to_disk(places)
    remove(complete)
    to_disk([out])


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Wait until no other process is here with `folder`, and tell whether it is still there.

    By a lock on the folder itself, which nobody has to remove. Where there are no such locks
    (Windows, some file systems) nobody is waited for.
    """
    if sys.platform == "win32":
        yield folder.exists()
        return
    try:
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield False
        return
    try:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield _is_at(number, folder)
    finally:
        os.close(number)


def _is_at(number: int, folder: Path) -> bool:
    """Tell whether what is open as `number` is not removed, with another in its place or none."""
    try:
        return os.path.samestat(os.fstat(number), folder.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _files(folder: Path) -> list[Path]:
    """Return the files in and below `folder`, but the note of what goes."""
    return sorted(path for path in folder.rglob("*") if not path.is_dir() and path.name != _GONE)


def _gone(complete: Path) -> list[str]:
    """Return the names noted; none where these are gone already."""
    note = complete / _GONE
    if not note.exists():
        return []
    names = read_json(note, "names of earlier files", f"Remove {complete} and make it anew.")
    if not isinstance(names, list) or not all(map(_is_below, names)):
        raise DataError(f"{note}: expected names of files beside it. Remove {complete}.")
    return names


def _is_below(name: object) -> bool:
    """Tell whether `name` is one in a folder: what it names will be removed."""
    return is_path(name) and not str(name).startswith("/") and ".." not in str(name).split("/")


def remove(path: Path) -> None:
    """Remove the file or the folder `path`, if it is there; a symbolic link, not its target."""
    try:
        if path.is_dir() and not path.is_symlink():
            with suppress(FileNotFoundError):
                shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise readable(error, path) from error
