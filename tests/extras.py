"""Tests that need an optional package are skipped without it, and say how to get it."""

from importlib.util import find_spec

import pytest


def needs(extra: str, *packages: str) -> pytest.MarkDecorator:
    """Return what skips a test where one of `packages`, which the `extra` brings, is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"no {', '.join(missing)}: pip install -e '.[{extra}]'"
    )


needs_onnx = needs("onnx", "onnx", "onnxscript", "onnxruntime")
needs_openvino = needs("openvino", "onnx", "onnxscript", "openvino")
needs_tensorboard = needs("tensorboard", "tensorboard")
needs_mlflow = needs("mlflow", "mlflow")
