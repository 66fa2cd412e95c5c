"""The folder of an ensemble: OUT/ensemble.json and a run folder a network, OUT/1 ... OUT/N."""

from pathlib import Path
from typing import Any

from detect.errors import DataError, option
from detect.files import write_json
from detect.formats import stamped, upgraded
from detect.reading import read_object, shown
from detect.stages.detector_folder import is_detector, read_detector

MOST_NETWORKS = 1000
NAME = "ensemble.json"
_WHAT = "the record of an ensemble"
_REMEDY = f"Delete it and go on with train-classifier and {option('resume')}, or copy it again."


def member_folders(path: Path) -> tuple[Path, ...]:
    """Return the networks of the ensemble or detector at `path`, in order; (`path`,) if it is none.

    Raises DataError for an ensemble whose training did not end, a detector that is not whole.
    """
    if is_detector(path):
        return read_detector(path).networks
    if not (path / NAME).is_file():
        return (path,)
    record = Members(path)
    if record.finished < record.count:
        raise DataError(
            f"{path}: {record.finished} of {record.count} networks of this ensemble are trained. "
            f"Go on with train-classifier and {option('resume')}, or name the finished ones: "
            f"{option('model', path / '1')}."
        )
    return tuple(record.folder(number) for number in range(1, record.count + 1))


def model_name(path: Path) -> str:
    """Return what a model is called: its file or folder, its ensemble's or detector's before it."""
    own = path.stem if path.suffix == ".safetensors" else path.name
    detector = path.parent.parent
    if path.parent.name == "networks" and is_detector(detector):
        return f"{detector.resolve().name}/{own}"
    return f"{path.parent.name}/{own}" if is_member(path) else own


def is_member(path: Path) -> bool:
    """Tell whether the run folder `path` is in an ensemble's."""
    return (path.parent / NAME).is_file()


class Members:
    """How many networks the ensemble in `path` has and which are finished: the first ones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values: dict[str, Any] = {"networks": 0, "finished": []}
        if (path / NAME).is_file():
            self._values = self._read()

    @property
    def count(self) -> int:
        """Return the number of networks, 0 where there is no ensemble yet."""
        return int(self._values["networks"])

    @property
    def finished(self) -> int:
        """Return how many networks are trained."""
        return len(self._values["finished"])

    def folder(self, number: int) -> Path:
        """Return the run folder of network `number`, from 1."""
        return self.path / str(number)

    def begin(self, count: int, *, resume: bool) -> None:
        """Begin an ensemble of `count`, or check that the one to go on with has as many."""
        if not (resume and self.count):
            self._write({"networks": count, "finished": []})
        elif self.count != count:
            raise DataError(
                f"{self.path}: {option('resume')} needs the ensemble that was begun, of "
                f"{self.count} networks; now {option('ensemble', count)}. Give the same number, "
                f"or another {option('out')}."
            )

    def finish(self, figures: dict[str, Any]) -> None:
        """Record the next network as trained, with its figures."""
        self._write({**self._values, "finished": [*self._values["finished"], figures]})

    def _write(self, values: dict[str, Any]) -> None:
        self._values = values
        write_json(self.path / NAME, stamped(values))

    def _read(self) -> dict[str, Any]:
        path = self.path / NAME
        read = read_object(path, _WHAT, _REMEDY)
        values = upgraded(read, "ensemble record", path)
        count, finished = values.get("networks"), values.get("finished")
        if type(count) is not int or not 0 < count <= MOST_NETWORKS:
            raise DataError(f"{path}: not {_WHAT} (networks is {shown(count)}). {_REMEDY}")
        if not isinstance(finished, list) or len(finished) > count:
            raise DataError(f"{path}: not {_WHAT} (finished is {shown(finished)}). {_REMEDY}")
        return {"networks": count, "finished": finished}
