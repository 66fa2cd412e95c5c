"""Which device computes, and in which precision."""

import platform
from contextlib import suppress
from pathlib import Path

import torch

from detect.errors import EnvironmentProblem, UsageError, option

PRECISIONS = ("auto", "float32", "bfloat16")
CPUINFO = Path("/proc/cpuinfo")

# By the names that PyTorch and Linux give them.
_AMX, _AVX512, _AMD = "amx_bf16", "avx512_bf16", "AuthenticAMD"


def choose_device(name: str) -> torch.device:
    """Return the device called "auto", "cpu", "cuda" or "cuda:N"; auto prefers CUDA.

    Raises UsageError for another name, EnvironmentProblem for a GPU that is not there.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if name != "cpu" and not (kind == "cuda" and (index.isdecimal() or name == "cuda")):
        raise UsageError(f"{option('device', name)}: expected auto, cpu, cuda or cuda:N.")
    if kind == "cuda":
        _require_gpu(name, int(index or 0))
        return torch.device("cuda", int(index or 0))
    return torch.device("cpu")


def _require_gpu(name: str, index: int) -> None:
    if not torch.cuda.is_available():
        raise EnvironmentProblem(
            f"{option('device', name)}: PyTorch {torch.__version__} sees no CUDA device here. Use "
            f"{option('device', 'cpu')}, or check the driver (nvidia-smi) and install a CUDA build "
            "of PyTorch."
        )
    if index >= torch.cuda.device_count():
        found = ", ".join(f"cuda:{i}" for i in range(torch.cuda.device_count()))
        raise EnvironmentProblem(
            f"{option('device', name)}: no such GPU. This machine has {found}."
        )


def resolve_precision(device: torch.device, precision: str = "auto") -> str:
    """Return "float32" or "bfloat16" for what `precision` means on `device`.

    auto: bfloat16 where `bfloat16_unit` names what multiplies it faster, float32 elsewhere.
    ValueError for another name.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "auto":
        return "bfloat16" if bfloat16_unit(device) else "float32"
    return precision


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Return the context in which networks compute on `device` with `precision` (as resolved)."""
    reduced = resolve_precision(device, precision) == "bfloat16"
    if device.type == "cuda":
        multiply_float32_exactly()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=reduced)


def multiply_float32_exactly() -> None:
    """Let a GPU's convolutions of float32 be in float32, from now on.

    PyTorch rounds them to TF32 by default, matrix products not. Whoever wants speed has bfloat16.
    For the whole process and not within a context: gradients are computed behind it.
    """
    # Both of torch's ways to say it, this one first: torch.compile asks by the older one, and where
    # they differ the answer is an error.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]


def add_in_one_order(device: torch.device) -> None:
    """Let gradients on a GPU be the same every time, from now on, for the whole process.

    Some of cuDNN's algorithms add in whatever order their threads come: a training that is gone
    on with would end with other weights. The others are as fast here (41.6 beside 41.4 ms a step
    of 256 crops of 224 px, H200).
    """
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True


def bfloat16_unit(device: torch.device) -> str:
    """Return what of `device` multiplies bfloat16 faster than float32; "" for nothing.

    GPUs: tensor cores from compute capability 8. CPUs: AMX, which halves the time of a crop, and
    AMD's AVX-512 BF16, with which crops and steps of training take 0.55 to 0.8 of it; with that of
    a Xeon whose AMX is hidden they take 1.2 to 1.4 times as long (benchmarks/precision.py). On ARM
    nothing was measured: "".
    """
    if device.type == "cuda":
        return "tensor cores" if torch.cuda.get_device_capability(device) >= (8, 0) else ""
    flags = _cpu_flags()
    if _AMX in flags:
        return "AMX"
    return "AVX-512 BF16" if _AVX512 in flags and _is_amd() else ""


def _is_amd() -> bool:
    """Tell whether AMD made this processor: as Linux says, or Python where it is not Linux."""
    if _AMD in platform.processor():
        return True
    with suppress(OSError):
        return _AMD in CPUINFO.read_text("utf-8", "replace")
    return False


def _cpu_flags() -> frozenset[str]:
    """Return what this processor can do: as PyTorch says, or Linux where that is too old to."""
    if get_capabilities := getattr(torch.cpu, "get_capabilities", None):
        return frozenset(name for name, has in get_capabilities().items() if has)
    with suppress(OSError):
        lines = CPUINFO.read_text("utf-8", "replace").splitlines()
        return frozenset(
            word for line in lines if line.startswith("flags") for word in line.split()
        )
    return frozenset()
