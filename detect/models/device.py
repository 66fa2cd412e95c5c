"""Which device computes, and in which precision."""

import torch

from detect.errors import EnvironmentProblem, UsageError

PRECISIONS = ("auto", "float32", "bfloat16")


def choose_device(name: str) -> torch.device:
    """Return the device called "auto", "cpu", "cuda" or "cuda:N"; auto prefers CUDA.

    Raises UsageError for another name, EnvironmentProblem for a GPU that is not there.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if name != "cpu" and not (kind == "cuda" and (index.isdecimal() or name == "cuda")):
        raise UsageError(f"--device {name}: expected auto, cpu, cuda or cuda:N.")
    if kind == "cuda":
        _require_gpu(name, int(index or 0))
        return torch.device("cuda", int(index or 0))
    return torch.device("cpu")


def _require_gpu(name: str, index: int) -> None:
    if not torch.cuda.is_available():
        raise EnvironmentProblem(
            f"--device {name}: PyTorch {torch.__version__} sees no CUDA device here. Use --device "
            "cpu, or check the driver (nvidia-smi) and install a CUDA build of PyTorch."
        )
    if index >= torch.cuda.device_count():
        found = ", ".join(f"cuda:{i}" for i in range(torch.cuda.device_count()))
        raise EnvironmentProblem(f"--device {name}: no such GPU. This machine has {found}.")


def resolve_precision(device: torch.device, precision: str = "auto") -> str:
    """Return "float32" or "bfloat16" for what `precision` means on `device`.

    auto: bfloat16 where the hardware multiplies it faster (CUDA from compute capability 8, CPUs
    with AMX tiles, where it halves the time of a crop), float32 elsewhere. ValueError for
    another name.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "auto":
        return "bfloat16" if multiplies_bfloat16(device) else "float32"
    return precision


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Return the context in which networks compute on `device` with `precision` (as resolved)."""
    reduced = resolve_precision(device, precision) == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=reduced)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether `device` has matrix units for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Older PyTorch cannot tell, and then computes in float32.
    get_capabilities = getattr(torch.cpu, "get_capabilities", None)
    return bool(get_capabilities and get_capabilities().get("amx_bf16"))
