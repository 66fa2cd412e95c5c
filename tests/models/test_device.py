"""Devices by name and the precision they compute in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from detect.errors import EnvironmentProblem, UsageError
from detect.models import device
from detect.models.device import (
    autocast,
    bfloat16_unit,
    choose_device,
    multiply_float32_exactly,
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
    with pytest.raises(EnvironmentProblem, match=f"device={name}: .* sees no CUDA device here"):
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
        "auto": torch.bfloat16 if bfloat16_unit(CPU) else torch.float32,
    }
    for precision, dtype in expected.items():
        assert resolve_precision(CPU, precision) == str(dtype).removeprefix("torch.")
        with autocast(CPU, precision):
            assert (left @ right).dtype == dtype
    with pytest.raises(ValueError, match="one of auto, float32, bfloat16, got 'half'"):
        autocast(CPU, "half")


@pytest.mark.parametrize(
    ("vendor", "flags", "unit"),
    [
        ("GenuineIntel", "fpu avx512f amx_bf16 avx512_bf16 amx_tile", "AMX"),
        ("AuthenticAMD", "fpu avx512f avx512_bf16", "AVX-512 BF16"),
        ("GenuineIntel", "fpu avx512f avx512_bf16", ""),
        ("AuthenticAMD", "fpu avx512f avx2", ""),
        ("AuthenticAMD", "fpu avx512_bf16_of_another_name", ""),
    ],
)
@pytest.mark.parametrize("told_by", ["PyTorch", "Linux"])
def test_auto_is_bfloat16_where_a_processor_multiplies_it(
    vendor: str,
    flags: str,
    unit: str,
    told_by: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if told_by == "PyTorch":
        capabilities = {**dict.fromkeys(flags.split(), True), "architecture": "x86_64"}
        capabilities.setdefault("amx_bf16", False)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    else:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(device, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(
        f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\nbugs\t\t: amx_bf16\n"
    )
    assert bfloat16_unit(CPU) == unit
    assert resolve_precision(CPU) == ("bfloat16" if unit else "float32")


def test_a_processor_of_which_nothing_is_known_computes_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(device, "CPUINFO", tmp_path / "none")
    assert resolve_precision(CPU) == "float32"


@pytest.fixture
def tf32() -> Iterator[None]:
    """Let convolutions be rounded, as PyTorch does, and again afterwards."""
    torch.backends.cudnn.allow_tf32 = True  # Of recurrent networks as well, or torch complains.
    torch.backends.cudnn.conv.fp32_precision = "tf32"
    yield
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.conv.fp32_precision = "tf32"


def test_float32_is_not_rounded_to_tf32(tf32: None) -> None:
    multiply_float32_exactly()
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_convolves_float32_as_exactly_as_a_processor() -> None:
    torch.manual_seed(0)
    maps, kernels = torch.randn(4, 64, 28, 28), torch.randn(96, 64, 3, 3)
    exact = torch.conv2d(maps.double(), kernels.double())
    gpu = torch.device("cuda:0")
    with autocast(gpu, "float32"):
        found = torch.conv2d(maps.to(gpu), kernels.to(gpu)).cpu().double()
    # TF32 keeps 10 bits: it is wrong by 1e-3 of the spread, float32 by 1e-6.
    assert float((found - exact).abs().max() / exact.std()) < 2e-5
