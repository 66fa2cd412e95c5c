"""What other commands measured and the report shows: `detect ensemble` and `detect classify`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.errors import DataError
from detect.reading import read_object


@dataclass(frozen=True, eq=False)
class EnsembleSummary:
    """mAP over the subsets of several networks, by `protocol`, in [0, 1].

    `sizes` and `leave_one_out` as ensemble/curve.py gives them; `names` by the network's number;
    `alone` {number: mAP}; `whole` of all networks.
    """

    protocol: str
    sizes: list[dict[str, Any]]
    names: dict[str, str]
    alone: dict[int, float]
    leave_one_out: dict[int, float]
    whole: float

    @property
    def networks(self) -> int:
        """Return how many networks there are."""
        return len(self.sizes)

    @property
    def single(self) -> float:
        """Return the mean of the networks alone."""
        return float(self.sizes[0]["mean"])


def read_ensemble(path: Path) -> EnsembleSummary:
    """Read what `detect ensemble --json` wrote; DataError for anything else."""
    values = _read(path)
    try:
        return EnsembleSummary(
            protocol=f"{values['protocol']}, IoU {float(values['iou']):g}",
            sizes=[
                {key: int(entry[key]) for key in ("networks", "subsets")}
                | {key: float(entry[key]) for key in ("mean", "min", "max")}
                for entry in values["sizes"]
            ],
            names={str(key): str(name) for key, name in values["names"].items()},
            alone=_by_network(values["alone"], "network", values["names"]),
            leave_one_out=_by_network(values["leave_one_out"], "without", values["names"]),
            whole=float(values["sizes"][-1]["mean"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _wrong_file(path, "detect ensemble --json") from error


def read_classification(path: Path) -> list[tuple[str, str, str, str]]:
    """Return models, crops, cost and top-5 error in percent of each row of `classify --json`.

    Raises DataError for anything else, a file without --split (no errors were measured) too.
    """
    values = _read(path)
    try:
        return [
            (
                str(row["models"]),
                str(row["crops"]),
                str(row["cost"]),
                f"{100 * row['top5_error']:.2f}",
            )
            for row in values["table"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _wrong_file(path, "detect classify --split --json") from error


def _by_network(entries: list[Any], key: str, names: dict[str, Any]) -> dict[int, float]:
    """Return the mAP of each entry by its network's number; KeyError for one without a name."""
    found = {int(entry[key]): float(entry["map"]) for entry in entries}
    if unknown := [number for number in found if str(number) not in names]:
        raise KeyError(unknown[0])
    return found


def _read(path: Path) -> Any:
    return read_object(path, "what detect ensemble or detect classify measured")


def _wrong_file(path: Path, command: str) -> DataError:
    return DataError(f"{path}: not what {command} writes. Make it with that command.")
