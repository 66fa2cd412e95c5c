"""Figures for MLflow: on the server of MLFLOW_TRACKING_URI, else in the folder mlflow/ of a run."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# MLflow reports its use over the network unless told not to, and writes to plain folders, the one
# store that needs no database, only if told to.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from detect.callbacks import Figures
from detect.files import write_json
from detect.reading import read_object
from detect.training.logs.values import flat

FOLDER, NOTE = "mlflow", "mlflow.json"
EXPERIMENT = "detect"
_SERVER = "MLFLOW_TRACKING_URI"
# What a server takes at once, and of a value.
_PARAMS, _LETTERS = 100, 500


class MLflow:
    """Logs train.NAME and validation.NAME, and the recipe's values as parameters.

    The run's id is noted beside the training, whose next call goes on in the same run of MLflow; of
    steps that are done again the same figures stand there twice.
    """

    def start(self, run: Path, recipe: Mapping[str, Any], step: int) -> None:
        """Begin a run of MLflow, or go on with the one noted."""
        self._client = MlflowClient(os.environ.get(_SERVER) or (run / FOLDER).resolve().as_uri())
        self._id = self._noted(run / NOTE) if step else ""
        if self._id:
            self._client.update_run(self._id, status="RUNNING")
            return
        made = self._client.create_run(self._experiment(), run_name=run.resolve().name)
        self._id = made.info.run_id
        write_json(run / NOTE, {"run_id": self._id})
        params = [Param(name, f"{value!s:.{_LETTERS}}") for name, value in flat(recipe).items()]
        for start in range(0, len(params), _PARAMS):
            self._client.log_batch(self._id, params=params[start : start + _PARAMS])

    def step(self, step: int, figures: Figures) -> None:
        """Log the losses and the learning rate."""
        self._log("train", step, figures)

    def validated(self, step: int, figures: Figures) -> None:
        """Log what the model scores."""
        self._log("validation", step, figures)

    def end(self, step: int, finished: bool) -> None:
        """End the run of MLflow: finished, or killed as it calls one that was stopped."""
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")

    def _log(self, group: str, step: int, figures: Figures) -> None:
        now = int(1000 * time.time())
        named = ((f"{group}.{name}", value) for name, value in figures.items())
        # At once: what a killed training had told must be there when it goes on behind it.
        self._client.log_batch(self._id, [Metric(name, value, now, step) for name, value in named])

    def _noted(self, note: Path) -> str:
        """Return the id of the run noted; "" where there is none, or the server has it not."""
        if not note.exists():
            return ""
        try:
            known = str(read_object(note, "the run of MLflow").get("run_id"))
            return str(self._client.get_run(known).info.run_id)
        except MlflowException:
            return ""

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        return str(
            self._client.create_experiment(EXPERIMENT) if found is None else found.experiment_id
        )
