"""What the pictures in a folder show: noted when they are begun, compared when they are gone on."""

from pathlib import Path
from typing import Any

from detect.errors import DataError, option
from detect.files import write_json
from detect.formats import stamped, upgraded
from detect.reading import read_object
from detect.stages.opening import is_earlier
from detect.storage.recipe import differing

NAME = ".drawn.json"  # hidden: the folder is one of pictures
_ANEW = (
    f"Draw them anew with {option('exist_ok')} in place of {option('resume')}, or choose another "
    f"{option('out')}."
)


def begin(folder: Path, what: dict[str, Any], *, resume: bool) -> None:
    """Note `what` is drawn in `folder`; with `resume` check that the pictures there are of it.

    Raises DataError where they are not, or nobody knows.
    """
    path = folder / NAME
    if not (resume and is_earlier(folder)):
        write_json(path, stamped(what))
        return
    if not path.is_file():
        raise DataError(f"{folder}: there is no {NAME} that says what its pictures show. {_ANEW}")
    noted = upgraded(read_object(path, "what pictures show", _ANEW), "recipe", path)
    if noted != what:
        raise DataError(
            f"{path}: the pictures there are of something else: {differing(noted, what)}. {_ANEW}"
        )
