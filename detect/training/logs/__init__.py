"""Figures of a training for other programs that show them, a callback each."""

from importlib.util import find_spec

from detect.callbacks import Callback
from detect.errors import EnvironmentProblem


def make_log(name: str) -> Callback:
    """Return the callback called `name`; EnvironmentProblem where its package is missing."""
    check_log(name)
    if name == "tensorboard":
        from detect.training.logs.tensorboard import TensorBoard

        return TensorBoard()
    from detect.training.logs.mlflow import MLflow

    return MLflow()


def check_log(name: str) -> None:
    """Raise EnvironmentProblem where the package `name`, which the extra brings, is missing."""
    if find_spec(name) is None:
        raise EnvironmentProblem(
            f"{name}: not installed. Install what the extra {name} brings: "
            f"pip install 'detect[{name}]'."
        )
