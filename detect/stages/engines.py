"""Which engine computes the networks of a stage: PyTorch, or another one on the CPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field

from detect.errors import UsageError, option
from detect.models.exported.forms import ENGINES, EngineName, form_of

if TYPE_CHECKING:
    import torch

_TORCH = "torch"

Engine = Annotated[
    Literal["torch", "onnxruntime", "openvino"] | None,
    Field(
        description="What computes the networks; others than torch on the CPU. An exported file is "
        f"a {option('model')} too. [default: torch; what a file was exported for]"
    ),
]


def engine_of(path: Path, engine: str | None) -> str:
    """Return what computes the network at `path`; UsageError for a file that `engine` cannot."""
    form = form_of(path)
    if form is None:
        return engine or _TORCH
    own = ENGINES[form]
    if engine == _TORCH or (engine == "onnxruntime" and form != "onnx"):
        raise UsageError(
            f"{option('engine', engine)}: {path} was exported for {own}. Leave it out, or give "
            "the run that was exported."
        )
    return engine or own


def check_engines(told: Any, networks: Sequence[Path]) -> None:
    """Raise UsageError for options that do not go with an engine of one of the `networks`.

    `told` are the options of a stage that has `engine`, `svm`, `compile` and `device`.
    """
    others = [name for path in networks if (name := engine_of(path, told.engine)) != _TORCH]
    if not others:
        return
    for name, given in (("svm", told.svm), ("compile", told.compile), ("device", told.device)):
        if _needs_torch(name, given):
            raise UsageError(
                f"{option(name, given)} needs a network in PyTorch, and {others[0]} computes this "
                "one. Leave it out, or give the run itself."
            )
    if isinstance(getattr(told, "regression", None), Path):
        raise UsageError(
            f"{option('regression', told.regression)} needs a network in PyTorch, and {others[0]} "
            "computes this one. Leave it out, or give the run itself."
        )
    if others.count("onnxruntime") and told.precision == "bfloat16":
        raise UsageError(
            f"{option('precision', 'bfloat16')}: onnxruntime computes in float32. Leave it out, or "
            f"use {option('engine', 'openvino')}."
        )


def _needs_torch(name: str, given: Any) -> bool:
    if name == "device":
        return str(given) not in ("auto", "cpu")
    return given is not None if name == "svm" else given == "on"


def device_of(told: Any, networks: Sequence[Path]) -> "torch.device":
    """Return the device that `told` means: the CPU where another engine computes."""
    from detect.models.device import choose_device

    others = any(engine_of(path, told.engine) != _TORCH for path in networks)
    return choose_device("cpu" if others else told.device)


def precision_of(engine: str, precision: str, device: "torch.device") -> str:
    """Return "float32" or "bfloat16": what `precision` means for `engine` on `device`."""
    from detect.models.device import resolve_precision

    return "float32" if engine == "onnxruntime" else resolve_precision(device, precision)


def check_crops(told: Any, path: Path, card: Any) -> None:
    """Raise UsageError for an option of `told` about crops where the network at `path` sees none.

    `card` is its; `told` may have `mirror`, `svm` and a path as `regression`.
    """
    from detect.models.shared_card import SharedCard

    if not isinstance(card, SharedCard):
        return
    fitted = isinstance(getattr(told, "regression", None), Path)
    asked = {"mirror": told.mirror, "svm": getattr(told, "svm", None), "regression": fitted}
    for name in (name for name, value in asked.items() if value):
        raise UsageError(
            f"{option(name)}: {path} is a detector of one trunk, which sees the whole image, not "
            "crops of its regions. Leave it out."
        )


def open_networks(told: Any, networks: Sequence[Path], device: "torch.device") -> list[Any]:
    """Return the network and the card of each of `networks`, in the engine that `told` means.

    Errors of load_region_network, check_crops, load_exported and load_converted.
    """
    from detect.models.exported.network import load_converted, load_exported
    from detect.models.region_networks import load_region_network

    found: list[Any] = []
    for path in networks:
        engine = engine_of(path, told.engine)
        if engine == _TORCH:
            found.append(load_region_network(path))
            check_crops(told, path, found[-1][1])
            continue
        load = load_converted if form_of(path) is None else load_exported
        precision = precision_of(engine, told.precision, device)
        found.append(load(path, cast(EngineName, engine), precision))
    return found
