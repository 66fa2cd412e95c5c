"""Other engines than PyTorch, on the CPU, in as many threads as torch has: arrays in and out."""

import sys
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch

from detect.errors import DataError
from detect.models.exported.files import Exported
from detect.models.exported.forms import EngineName, need_to_compute
from detect.models.exported.inputs import Inputs
from detect.structures import FloatArray

# OpenVINO takes bfloat16 by itself where there is hardware for it, unless it is told.
_HINTS = {"float32": "f32", "bfloat16": "bf16"}
# Where OpenVINO keeps what a file says about itself: ours, and what it takes over from ONNX.
RT_INFO, _FROM_ONNX = "detect", "framework"


def silent_openvino() -> Any:
    """Import OpenVINO without the package by which its import reports itself over the network."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class Engine(Protocol):
    """Computes one network; `metadata` is what its file says about itself."""

    metadata: Mapping[str, str]

    def __call__(self, inputs: Inputs) -> list[FloatArray]:
        """Return the outputs of the graph, float32, for its `inputs`, as graph.Graph has them."""


class OnnxRuntime:
    """ONNX Runtime, in float32."""

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(content, options, providers=providers)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def __call__(self, inputs: Inputs) -> list[FloatArray]:
        """Return the outputs of the graph for its `inputs`."""
        found: list[FloatArray] = self._session.run(None, inputs)
        return found


class OpenVino:
    """OpenVINO in `precision`, "float32" or "bfloat16", of a graph of its own or an ONNX file."""

    def __init__(self, content: bytes, weights: bytes, precision: str) -> None:
        core = silent_openvino().Core()
        model = core.read_model(content, weights)
        self.metadata: Mapping[str, str] = _rt_info(model)
        told = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._compiled = core.compile_model(model, "CPU", told)

    def __call__(self, inputs: Inputs) -> list[FloatArray]:
        """Return the outputs of the graph for its `inputs`."""
        return [np.asarray(one) for one in self._compiled(inputs).values()]


def _rt_info(model: Any) -> dict[str, str]:
    every = model.get_rt_info()
    found = every[RT_INFO] if RT_INFO in every else every[_FROM_ONNX]
    table = found if isinstance(found, dict) else found.value
    return {name: str(getattr(one, "value", one)) for name, one in table.items()}


def start_engine(
    name: EngineName, exported: Exported, where: object, precision: str = "float32"
) -> Engine:
    """Return the engine `name` with the network in `exported`, of the file `where`.

    EnvironmentProblem where it is not installed, DataError where it cannot read the file.
    """
    need_to_compute(name)
    content = exported.content + exported.end
    try:
        if name == "openvino":
            return OpenVino(content, exported.weights, precision)
        return OnnxRuntime(content)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{where}: {name} cannot read it ({reason}).") from error
