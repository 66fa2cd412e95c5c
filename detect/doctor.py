"""The stage `doctor`: is this environment able to do the job, and what to do if not.

It must work where packages are missing or broken. So everything is imported within the checks,
and it stands outside of `detect.stages`, whose other stages need pydantic and NumPy.
"""

import importlib
import importlib.metadata
import io
import os
import platform
import shutil
import textwrap
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from detect.memory import available_memory

Level = Literal["ok", "note", "problem"]
OK: Level = "ok"
NOTE: Level = "note"
PROBLEM: Level = "problem"
_GIB = 2**30
_CONTRIB = "opencv-contrib-python-headless"
REPAIR = f"pip install --force-reinstall --no-deps {_CONTRIB}"
# All four write into one folder, cv2/; the last one installed wins, and only the contrib builds
# hold Selective Search.
OPENCV = (
    _CONTRIB,
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-python",
)
_IMPORT_NAMES = {
    _CONTRIB: "cv2",
    "mlflow-skinny": "mlflow",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}


@dataclass(frozen=True)
class Finding:
    """How it is, what it is about, what was found, and, unless all is well, what to do."""

    level: Level
    name: str
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class DoctorResult:
    """What was found, by the title of what was looked at, in that order."""

    sections: Mapping[str, tuple[Finding, ...]]

    @property
    def problems(self) -> int:
        """How many findings keep something from working."""
        all_findings = [finding for findings in self.sections.values() for finding in findings]
        return sum(finding.level == PROBLEM for finding in all_findings)


Check = Callable[[], list[Finding]]


def doctor() -> DoctorResult:
    """Check Python, packages, OpenCV, threads, GPU, memory and disk."""
    checks: dict[str, Check] = {
        "Python and packages": _packages,
        "OpenCV": _opencv,
        "Computing": _computing,
        "This folder": _storage,
    }
    return DoctorResult({title: _safely(title, check) for title, check in checks.items()})


def _packages() -> list[Finding]:
    """Check Python and every package that pyproject.toml asks for."""
    findings = [Finding(OK, "Python", platform.python_version())]
    try:
        metadata = importlib.metadata.distribution("detect")
    except importlib.metadata.PackageNotFoundError:
        return [*findings, Finding(PROBLEM, "detect", "not installed", "pip install .")]
    findings.append(Finding(OK, "detect", metadata.version))
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return [*findings, Finding(PROBLEM, "packaging", "not installed", "pip install packaging")]
    requirements = [Requirement(line) for line in metadata.requires or ()]
    needed = [
        item for item in requirements if item.marker is None or item.marker.evaluate({"extra": ""})
    ]
    # What two extras ask for is one package.
    extras = {
        item.name: item for item in requirements if item not in needed and not _is_ours(item.marker)
    }
    findings += [_package(item.name, item.specifier, PROBLEM) for item in needed]
    return findings + [_package(item.name, item.specifier, NOTE) for item in extras.values()]


def _is_ours(marker: object) -> bool:
    """Tell whether a requirement is of an extra for those who work on detect: no user's concern."""
    return any(f'"{extra}"' in str(marker) for extra in ("dev", "docs"))


def _package(name: str, specifier: Any, missing: Level) -> Finding:
    """Check that package `name` is installed in a version of `specifier` and can be imported."""
    remedy = f'pip install "{name}{specifier}"'
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        extra = "" if missing == PROBLEM else " (optional)"
        return Finding(missing, name, f"not installed{extra}", remedy)
    if not specifier.contains(version, prereleases=True):
        return Finding(PROBLEM, name, f"{version}, needed {specifier}", remedy)
    said = io.StringIO()  # Some print a traceback of their own.
    try:
        with redirect_stdout(said), redirect_stderr(said):
            importlib.import_module(_IMPORT_NAMES.get(name, name.replace("-", "_")))
    except Exception as error:
        state = f"{version}, cannot be imported: {_short(error)}"
        # Without --no-deps pip would put another OpenCV over the contrib build.
        remedy = f'pip install --force-reinstall --no-deps "{name}{specifier}"'
        return Finding(PROBLEM, name, state, remedy)
    return Finding(OK, name, version)


def _opencv() -> list[Finding]:
    """Check which OpenCV packages are installed and whether the contrib build won."""
    versions = {name: _version(name) for name in OPENCV}
    findings = [
        Finding(OK if "contrib" in name else NOTE, name, f"{version}{_clash(name)}")
        for name, version in versions.items()
        if version
    ]
    try:
        boxes = _selective_search_boxes(importlib.import_module("cv2"))
    except Exception as error:
        state = "missing: " + _short(error)
        if any(versions[name] for name in OPENCV if "contrib" not in name):
            state = "missing: a build without contrib modules overwrote cv2/"
        return [*findings, Finding(PROBLEM, "Selective Search", state, REPAIR)]
    working = f"works: {boxes} boxes on a test image"
    return [*findings, Finding(OK, "Selective Search", working)]


def _clash(name: str) -> str:
    """Say what a build without contrib modules means."""
    meaning = ", in the same folder cv2/: harmless while Selective Search works"
    return "" if "contrib" in name else meaning


def _selective_search_boxes(cv2: Any) -> int:
    """Propose boxes on a half black picture; fails as OpenCV does where contrib is missing."""
    import numpy as np

    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 200
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(image)
    search.switchToSelectiveSearchFast()
    return len(search.process())


def _computing() -> list[Finding]:
    """Report cores, threads, bfloat16 and GPUs."""
    cores = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    findings = [Finding(OK, "processor", f"{usable} of {cores} cores usable")]
    try:
        device = importlib.import_module("detect.models.device")
        torch = importlib.import_module("torch")
    except Exception:
        return [*findings, Finding(NOTE, "PyTorch", "cannot be imported, see above")]
    limit = os.environ.get("OMP_NUM_THREADS")
    threads = f"{torch.get_num_threads()}" + (f", as OMP_NUM_THREADS={limit} says" if limit else "")
    findings.append(Finding(OK, "PyTorch threads", threads))
    unit = device.bfloat16_unit(torch.device("cpu"))
    slow = "no AMX, and no AVX-512 BF16 of AMD's: networks run in float32"
    meaning = f"by {unit}, faster than float32: networks run in it" if unit else slow
    findings.append(Finding(OK, "bfloat16", meaning))
    return findings + _gpus(torch)


def _gpus(torch: Any) -> list[Finding]:
    if torch.cuda.is_available():
        gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return [
            Finding(OK, f"cuda:{i}", f"{gpu.name}, {gpu.total_memory / _GIB:.0f} GiB")
            for i, gpu in enumerate(gpus)
        ]
    if shutil.which("nvidia-smi"):
        remedy = "check `nvidia-smi`, and that PyTorch is a CUDA build for this driver"
        return [Finding(NOTE, "GPU", "a driver is installed, PyTorch sees no device", remedy)]
    return [Finding(OK, "GPU", "none: everything runs on the processor")]


def _storage() -> list[Finding]:
    """Check memory, disk space and the right to write here."""
    here = Path.cwd()
    free = shutil.disk_usage(here).free / _GIB
    space = f"{free:.1f} GiB free"
    findings = [_memory()]
    if free < 1:
        findings.append(Finding(PROBLEM, "disk", space, "free some, or work on another disk"))
    else:
        findings.append(Finding(OK, "disk", space))
    if not os.access(here, os.W_OK):
        remedy = "work elsewhere, or have every command write elsewhere"
        findings.append(Finding(NOTE, "folder", f"{here} cannot be written", remedy))
    return findings


def _memory() -> Finding:
    """Report what is available of the memory, or all of it where the system says no more."""
    free, total = available_memory()
    state = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB available"
    # Measured: training at 96 px in batches of 64 takes under 2 GiB.
    if free < 2 * _GIB:
        return Finding(NOTE, "memory", state, "close other programs, or use smaller batches")
    return Finding(OK, "memory", state)


def _safely(title: str, check: Check) -> tuple[Finding, ...]:
    """Run `check`; what goes wrong in it is a finding as well."""
    try:
        return tuple(check())
    except Exception as error:
        return (Finding(NOTE, title, f"could not be found out: {_short(error)}"),)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return textwrap.shorten(lines[0] if lines else type(error).__name__, 100)
