"""OUT/work, where a detector is trained: what was done and decided there, and how long it took."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detect.errors import DataError, UsageError, option
from detect.files import digest, write_json
from detect.formats import stamped, upgraded
from detect.reading import read_object
from detect.stages.opening import is_earlier
from detect.together import UNFINISHED, remove

NAME = "choices.json"
_WHAT = "the record of a training"
_REMEDY = "Begin anew in another folder."


class Work:
    """The steps of a training in `folder`, each done once: a call that goes on finds its result.

    choices.json has every step's result and seconds. What a step was doing when it was killed it
    goes on with by itself. Raises UsageError for a folder that no training of a detector made,
    DataError for a record that is none or of a call that was told something else.
    """

    def __init__(self, folder: Path, told: Mapping[str, Any], *, resume: bool) -> None:
        self.folder, self._path = folder, folder / NAME
        self._values: dict[str, Any] = {"told": dict(told), "steps": {}}
        if resume and self._path.is_file():
            self._values = self._read(told)
        else:
            self._make()
            self._write()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Remove the folder again unless a plan is made: nothing was trained, all can be told anew.

        So that a call with a mistake, or too few minutes, is simply called again.
        """
        try:
            yield
        finally:
            if "plan" not in self._values["steps"]:
                remove(self.folder)

    def step(self, name: str, do: Callable[[], Any]) -> Any:
        """Return the result of the step `name`, JSON, as it was recorded or as `do` returns it."""
        steps = self._values["steps"]
        if name not in steps:
            begun = time.monotonic()
            result = do()
            steps[name] = {"result": result, "seconds": round(time.monotonic() - begun, 1)}
            self._write()
        return steps[name]["result"]

    @property
    def seconds(self) -> float:
        """What all steps took so far."""
        return float(sum(step["seconds"] for step in self._values["steps"].values()))

    @property
    def choices(self) -> dict[str, Any]:
        """The steps' results and seconds."""
        return dict(self._values["steps"])

    def _make(self) -> None:
        """Make the folder, and remove what an earlier training left there."""
        if (self.folder.is_file() or is_earlier(self.folder)) and not self._path.is_file():
            raise UsageError(
                f"{self.folder}: not of a training of a detector, and would be removed. Choose "
                f"another {option('out')}, or move it."
            )
        if self.folder.exists():
            # Away in one step: what is left of it if this is killed has no name that is looked for.
            gone = self.folder.with_name(UNFINISHED)
            remove(gone)
            os.replace(self.folder, gone)
            remove(gone)
        self.folder.mkdir(parents=True)

    def _write(self) -> None:
        write_json(self._path, stamped({**self._values, "hash": _hash(self._values)}))

    def _read(self, told: Mapping[str, Any]) -> dict[str, Any]:
        values = upgraded(read_object(self._path, _WHAT, _REMEDY), "training record", self._path)
        if values.pop("hash", None) != _hash(values):
            raise DataError(f"{self._path}: not {_WHAT} as it was written. {_REMEDY}")
        before = values["told"]
        if different := [name for name in told if before.get(name) != told[name]]:
            name = different[0]
            raise DataError(
                f"{self._path}: begun with {name} {before.get(name)}, now {told[name]}. Go on with "
                "what it began with, or begin anew in another folder."
            )
        return values


def _hash(values: Mapping[str, Any]) -> str:
    """Return what only `values` have, so that no result of a step need be checked by its reader."""
    return digest(json.dumps(values, sort_keys=True))
