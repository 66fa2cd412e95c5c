"""Devices by name and the precision they compute in."""

import pytest
import torch

from detect.errors import EnvironmentProblem, UsageError
from detect.models.device import (
    autocast,
    choose_device,
    multiplies_bfloat16,
    resolve_precision,
)

CPU = torch.device("cpu")


def test_names_of_devices() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:0", "cuda:-1", ""])
def test_another_name_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected auto, cpu, cuda or cuda:N\.$"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_a_gpu_that_is_not_there_is_an_environment_problem(name: str) -> None:
    with pytest.raises(EnvironmentProblem, match=f"--device {name}: .* sees no CUDA device here"):
        choose_device(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpus_by_number() -> None:
    assert choose_device("cuda") == torch.device("cuda:0")
    with pytest.raises(EnvironmentProblem, match=r"no such GPU\. This machine has cuda:0"):
        choose_device("cuda:99")


def test_precision_decides_the_type_of_products() -> None:
    left, right = torch.ones(2, 2), torch.ones(2, 2)
    expected = {
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "auto": torch.bfloat16 if multiplies_bfloat16(CPU) else torch.float32,
    }
    for precision, dtype in expected.items():
        assert resolve_precision(CPU, precision) == str(dtype).removeprefix("torch.")
        with autocast(CPU, precision):
            assert (left @ right).dtype == dtype
    with pytest.raises(ValueError, match="one of auto, float32, bfloat16, got 'half'"):
        autocast(CPU, "half")
