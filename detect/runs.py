"""Run folders: what a run was told, where it ran, what it measured, its weights.

Layout: config.toml, environment.json, results.csv, log.txt, weights/{best,last}, state.pt.
"""

import csv
import io
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path
from typing import Any

from detect.errors import DataError, option
from detect.files import append_line, to_disk, write_json, write_text
from detect.formats import What, stamped, upgraded
from detect.reading import RECORDS_BYTES, TOML_BYTES, parse_toml, read_object, read_text
from detect.together import remove, settle

_RECIPE = "the recipe of a run"
_ANEW = f"Begin anew in another {option('out')}."
_PACKAGES = (
    "detect",
    "torch",
    "torchvision",
    "opencv-contrib-python-headless",
    "numpy",
    "albumentations",
    "pycocotools",
)


# What trainings log for other programs (training/logs).
_LOGS = ("tensorboard", "mlflow", "mlflow.json")
# What a training, `run` or `ensemble` may have left.
_FILES = (
    "config.toml", "environment.json", "results.csv", "log.txt", "state.pt", "weights/*",
    "ensemble.json", "detections.json", "scores.parquet", "pictures/*.jpg", "unfinished.jsonl",
    "unfinished-scores", *_LOGS,
)  # fmt: skip


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def state(self) -> Path:
        """Everything needed to go on: weights, optimizer, step."""
        return self.path / "state.pt"

    def weights(self, name: str) -> Path:
        """Return the weight file of "best" or "last"."""
        return self.path / "weights" / f"{name}.safetensors"

    def files(self) -> list[Path]:
        """Return what is there of any run; of an ensemble, in the folders of its networks too."""
        folders = [self.path]
        if (self.path / "ensemble.json").exists():
            folders += self.path.glob("[1-9]*/")
        return [path for folder in folders for name in _FILES for path in folder.glob(name)]

    def start(self, config: str, environment: Mapping[str, Any]) -> None:
        """Write config.toml and environment.json and remove what an attempt before it left.

        An earlier result is elsewhere: see together.workplace.
        """
        stale = [self.state, self.path / "log.txt", self.path / "results.csv"]
        for path in (*stale, *(self.path / "weights").glob("*")):
            path.unlink(missing_ok=True)
        for name in _LOGS:
            remove(self.path / name)
        write_json(self.path / "environment.json", stamped(environment))
        self.write_config(config)

    def write_config(self, config: str) -> None:
        """Write the recipe `config` (TOML) to config.toml."""
        stamp = "".join(f"{key} = {json.dumps(value)}\n" for key, value in stamped({}).items())
        write_text(self.path / "config.toml", stamp + config)

    def has_recipe(self) -> bool:
        """Tell whether `start` was done to its end."""
        return (self.path / "config.toml").exists()

    def check_same(self, config: str, what: What = "recipe") -> None:
        """Raise DataError unless the interrupted run in this folder was told the same."""
        path = self.path / "config.toml"
        changed = "no recipe"
        if path.exists():
            text, values = self._read(what)
            if values == parse_toml(config, path, _RECIPE):
                return
            changed = _difference(_lines(text, values), config.splitlines())
        raise DataError(
            f"{path}: {option('resume')} needs the recipe the run began with; it has {changed}. "
            f"Leave the options and {option('config')} as they were, or begin anew in another "
            f"{option('out')}."
        )

    def recipe(self, what: What = "recipe") -> dict[str, Any]:
        """Return what config.toml holds; DataError if it is broken."""
        return self._read(what)[1]

    def _read(self, what: What) -> tuple[str, dict[str, Any]]:
        path = self.path / "config.toml"
        text = read_text(path, _RECIPE, TOML_BYTES, _ANEW)
        return text, upgraded(parse_toml(text, path, _RECIPE, _ANEW), what, path)

    def environment(self) -> dict[str, Any]:
        """Return what environment.json holds, {} where there is none; DataError if it is broken."""
        settle(self.path)
        path = self.path / "environment.json"
        if not path.exists():
            return {}
        values = read_object(path, "where a run ran", _ANEW)
        return upgraded(values, "environment", path)

    def log(self, line: str) -> None:
        """Append a line to log.txt, in a folder that is there."""
        path = self.path / "log.txt"
        append_line(path, line)
        to_disk([path])

    @property
    def minutes(self) -> float:
        """Return how long the training took to its last row of results.csv; 0 without any.

        DataError for a file that is not as it was written.
        """
        path = self.path / "results.csv"
        if not path.is_file():
            return 0.0
        text = read_text(path, "results of a run", RECORDS_BYTES, _ANEW)
        try:
            return max(float(row["minutes"]) for row in csv.DictReader(io.StringIO(text)))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: expected rows with the minutes of a training. {_ANEW}"
            ) from error

    def write_results(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write results.csv, a column for every key of any row."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / "results.csv", text.getvalue())


def _difference(old: Sequence[str], new: Sequence[str]) -> str:
    """Say the first line that differs, in which table, and how to compute as precisely as then."""
    table = ""
    for then, now in zip_longest(old, new, fillvalue=""):
        if then != now:
            where = f" in {table}" * (bool(table) and not now.startswith("["))
            key, _, value = then.partition(" = ")
            # Of `run`: what auto means is another machine's, or an older version's, choice.
            of_run = key == "precision" and not table
            then_precision = value.strip('"')
            again = f"; give {option('precision', then_precision)}" if of_run else ""
            return f"{then!r}, now {now!r}{where}{again}"
        table = then if then.startswith("[") else table
    return "others"


def _lines(text: str, values: Mapping[str, Any]) -> list[str]:
    """Return the lines of config.toml without its format and writer, with what `values` add.

    `values` hold what an earlier format did not say: that comes last of what is in no table.
    """
    stamp = tuple(f"{key} = " for key in stamped({}))
    lines = [line for line in text.splitlines() if not line.startswith(stamp)]
    end = lines.index("") if "" in lines else len(lines)
    said = {line.partition(" = ")[0] for line in lines[:end]}
    added = [key for key, value in values.items() if key not in said and type(value) is not dict]
    told = [f"{key} = {json.dumps(values[key], default=str)}" for key in added]
    return [*lines[:end], *told, *lines[end:]]


def next_run_folder(command: str, name: str, root: Path = Path("runs")) -> Path:
    """Return runs/<command>/<name>, or <name>-2, -3… where that is taken."""
    first = root / command / name
    folder, number = first, 2
    while folder.exists():
        folder, number = first.with_name(f"{name}-{number}"), number + 1
    return folder


def describe_environment(device: str, seed: int, data_hash: str) -> dict[str, Any]:
    """Return what environment.json holds; no host name, no path."""
    return {
        "git": _git_commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "device": device,
        "seed": seed,
        "data": data_hash,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    """Return the commit of the checkout this package runs from, "" outside of one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
