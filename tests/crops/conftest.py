"""Caffe's formula as written in tools/verify_crops.py: the judge of our crops."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_TOOL = Path(__file__).parents[2] / "tools/verify_crops.py"


@pytest.fixture(scope="session")
def caffe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_crops", _TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
