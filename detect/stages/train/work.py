"""OUT/work, where a detector is trained: what was done and decided there, and how long it took."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detect.errors import DataError, NothingKept, UsageError, option
from detect.files import digest, write_json
from detect.formats import stamped, upgraded
from detect.reading import read_object
from detect.stages.opening import is_earlier
from detect.together import UNFINISHED, remove

NAME = "choices.json"
# Beside the folder: what an earlier training left there, until the new one has a plan.
_EARLIER = ".earlier-work"
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
        self._earlier = folder.with_name(_EARLIER)
        self._values: dict[str, Any] = {"told": dict(told), "steps": {}}
        if resume and self._path.is_file():
            self._values = self._read(told)
        else:
            self._make()
            self._write()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Remove the folder again unless a plan is made: nothing was trained, all can be told anew.

        So that a call with a mistake, or too few minutes, is simply called again. What was there
        before comes back then.
        """
        try:
            yield
        except KeyboardInterrupt:
            if self._planned:
                raise
            raise NothingKept from None
        finally:
            if self._planned:
                _remove(self._earlier)
            else:
                _remove(self.folder)
                put_back(self.folder)

    def step(self, name: str, do: Callable[[], Any], took: Callable[[], float] = float) -> Any:
        """Return the result of the step `name`, JSON, as it was recorded or as `do` returns it.

        `took` returns its seconds where it may have gone on after an interruption.
        """
        steps = self._values["steps"]
        if name not in steps:
            begun = time.monotonic()
            result = do()
            seconds = max(time.monotonic() - begun, took())
            steps[name] = {"result": result, "seconds": round(seconds, 1)}
            self._write()
        return steps[name]["result"]

    @property
    def _planned(self) -> bool:
        return "plan" in self._values["steps"]

    @property
    def seconds(self) -> float:
        """What all steps took so far."""
        return float(sum(step["seconds"] for step in self._values["steps"].values()))

    def copy_record(self, path: Path) -> None:
        """Write the record so far to `path` as well."""
        write_record(path, self._values)

    @property
    def choices(self) -> dict[str, Any]:
        """The steps' results and seconds."""
        return dict(self._values["steps"])

    def _make(self) -> None:
        """Make the folder, and move away what an earlier training left there."""
        if (self.folder.is_file() or is_earlier(self.folder)) and not self._path.is_file():
            raise UsageError(
                f"{self.folder}: not of a training of a detector, and would be removed. Choose "
                f"another {option('out')}, or move it."
            )
        _remove(self._earlier)
        if self.folder.exists():
            os.replace(self.folder, self._earlier)
        self.folder.mkdir(parents=True)

    def _write(self) -> None:
        write_record(self._path, self._values)

    def _read(self, told: Mapping[str, Any]) -> dict[str, Any]:
        values = read_record(self._path)
        check_told(self._path, values["told"], told)
        return values


def put_back(folder: Path) -> None:
    """Bring an earlier training back to `folder` if the call that moved it away had no plan yet.

    Because it failed, or was killed: what it left is worth nothing.
    """
    earlier = folder.with_name(_EARLIER)
    if earlier.is_dir() and not _has_plan(folder / NAME):
        _remove(folder)
        os.replace(earlier, folder)


def _has_plan(path: Path) -> bool:
    try:
        return path.is_file() and "plan" in read_record(path)["steps"]
    except DataError:
        return False


def _remove(folder: Path) -> None:
    """Remove `folder`, away in one step: what is left of it if this is killed nobody looks for."""
    if folder.exists():
        gone = folder.with_name(UNFINISHED)
        remove(gone)
        os.replace(folder, gone)
        remove(gone)


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Write what was told and every step's result and seconds."""
    write_json(path, stamped({**values, "hash": _hash(values)}))


def read_record(path: Path, remedy: str = _REMEDY) -> dict[str, Any]:
    """Return "told" and "steps" of the record at `path`; DataError unless it is as written."""
    values = upgraded(read_object(path, _WHAT, remedy), "training record", path)
    if values.pop("hash", None) != _hash(values):
        raise DataError(f"{path}: not {_WHAT} as it was written. {remedy}")
    # What there was before one could choose.
    values["told"].setdefault("classifier", "crops")
    return values


def check_told(path: Path, before: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Raise DataError where a call says other than the record at `path`: how, and what to do."""
    different = [name for name in told if before.get(name) != told[name]]
    if different:
        how = "; ".join(_difference(name, before.get(name), told[name]) for name in different)
        raise DataError(
            f"{path}: this training was begun with other options: {how}. It goes on only as it "
            f"was begun: give those again, or begin anew with another {option('out')}."
        )


def _difference(name: str, before: Any, now: Any) -> str:
    """Say how an option differs; of one that is repeated only what does."""
    if isinstance(before, list) and isinstance(now, list):
        before, now = ([one for one in own if one not in other] for own, other in
                       ((before, now), (now, before)))  # fmt: skip
    return f"then {_said(name, before)}, now {_said(name, now)}"


def _said(name: str, value: Any) -> str:
    """Return the option as one would give it; several times where it is a list."""
    if isinstance(value, list) and value:
        return " ".join(option(name, one) for one in value)
    if value in (None, False, []):
        return f"no {option(name)}" if value != [] else f"no other {option(name)}"
    return option(name, "" if value is True else value)


def _hash(values: Mapping[str, Any]) -> str:
    """Return what only `values` have, so that no result of a step need be checked by its reader."""
    return digest(json.dumps(values, sort_keys=True))
