"""Peak memory: what was held counts, until it is forgotten."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detect import memory
from detect.memory import available_memory, forget_peak, peak_memory

SIZE = 200 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is for ever")
def test_a_peak_counts_what_was_held_until_it_is_forgotten() -> None:
    forget_peak()
    before = peak_memory()
    np.ones(SIZE // 8)
    assert peak_memory() >= before + SIZE * 0.9
    forget_peak()
    assert peak_memory() <= before + SIZE * 0.5


def test_what_is_available_is_some_of_all_there_is() -> None:
    free, total = available_memory()
    assert 0 < free <= total


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where limits are read from, on a machine with 6000 of 8000 kB available."""
    (tmp_path / "meminfo").write_text("MemTotal: 8000 kB\nMemFree: 1 kB\nMemAvailable: 6000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory").mkdir()
    return tmp_path


def write_limit(folder: Path, limit: str, taken: str, stat: str, *, version: int = 2) -> None:
    names = ("max", "current") if version == 2 else ("limit_in_bytes", "usage_in_bytes")
    folder = folder if version == 2 else folder / "memory"
    for name, text in zip((*names, "stat"), (limit, taken, stat), strict=True):
        (folder / f"memory.{name}").write_text(f"{text}\n")


def test_a_machine_without_limits_has_what_it_says(container: Path) -> None:
    assert available_memory() == (6000 * 1024, 8000 * 1024)


def test_a_container_has_what_its_limit_leaves_and_cached_files_are_left(container: Path) -> None:
    write_limit(container, "4000000", "3000000", "anon 2000000\ninactive_file 700000")
    assert available_memory() == (1_700_000, 4_000_000)


def test_a_container_of_version_1_has_what_its_limit_leaves(container: Path) -> None:
    stat = "inactive_file 1\ntotal_inactive_file 500000"
    write_limit(container, "4000000", "3000000", stat, version=1)
    assert available_memory() == (1_500_000, 4_000_000)


@pytest.mark.parametrize(
    ("limit", "version"),
    [("max", 2), ("9223372036854771712", 1)],  # what each version says without a limit
)
def test_a_container_without_a_limit_has_what_the_machine_has(
    container: Path, limit: str, version: int
) -> None:
    stat = "inactive_file 0\ntotal_inactive_file 0"
    write_limit(container, limit, "3000000", stat, version=version)
    assert available_memory() == (6000 * 1024, 8000 * 1024)


def test_a_full_container_has_nothing_left(container: Path) -> None:
    write_limit(container, "4000000", "4000001", "inactive_file 0")
    assert available_memory() == (0, 4_000_000)


@pytest.mark.skipif(sys.platform != "linux", reason="malloc of glibc")
@pytest.mark.parametrize("kept", [False, True])
def test_what_is_freed_is_kept_where_it_is_asked_for(kept: bool) -> None:
    """64 MiB, twice the size above which glibc gives memory back by default."""
    lines = (
        "import numpy, re; from detect.memory import keep_freed",
        "held = lambda: int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1])",
        "keep_freed()" if kept else "",
        "before = held()",
        "block = numpy.ones(2**26, numpy.uint8)",
        "del block",
        "print(held() - before)",
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (int(done.stdout) > 60 * 1024) == kept
