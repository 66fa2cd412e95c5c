"""The forms of exported files, the engines that compute them, and what must be installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from detect.errors import EnvironmentProblem

Form = Literal["onnx", "openvino"]
EngineName = Literal["onnxruntime", "openvino"]

SUFFIXES: dict[Form, str] = {"onnx": ".onnx", "openvino": ".xml"}
# What computes a file of a form where nobody says otherwise.
ENGINES: dict[Form, EngineName] = {"onnx": "onnxruntime", "openvino": "openvino"}
# The packages of the extra that is called as the form is.
_TO_WRITE: dict[Form, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "openvino"),
}


def form_of(path: Path) -> Form | None:
    """Return the form of the file `path` by its name; None for what is no exported file."""
    ending = path.suffix.lower()
    return next((form for form, suffix in SUFFIXES.items() if ending == suffix), None)


def need_to_write(form: Form) -> None:
    """Raise EnvironmentProblem unless networks can be written in `form`, and compared."""
    _need(form, _TO_WRITE[form])


def need_to_compute(engine: EngineName) -> None:
    """Raise EnvironmentProblem unless `engine` is installed."""
    form: Form = "openvino" if engine == "openvino" else "onnx"
    _need(form, (engine,))


def _need(extra: Form, packages: tuple[str, ...]) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise EnvironmentProblem(
            f"{', '.join(missing)}: not installed. Install what the extra {extra} brings: "
            f"pip install 'detect[{extra}]'."
        )
