"""Figures of a training for other programs that show them, a callback each."""

from importlib.util import find_spec

from detect.callbacks import Callback
from detect.errors import EnvironmentProblem

# name -> the package that must be installed, which the extra of that name brings
PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow"}


def make_log(name: str) -> Callback:
    """Return the callback called `name`; EnvironmentProblem where its package is missing."""
    check_log(name)
    if name == "tensorboard":
        from detect.training.logs.tensorboard import TensorBoard

        return TensorBoard()
    from detect.training.logs.mlflow import MLflow

    return MLflow()


def check_log(name: str) -> None:
    """Raise EnvironmentProblem where the package that `name` needs is missing."""
    package = PACKAGES[name]
    if find_spec(package) is None:
        raise EnvironmentProblem(
            f"{package}: not installed. Install what the extra {name} brings: "
            f"pip install 'detect[{name}]'."
        )
