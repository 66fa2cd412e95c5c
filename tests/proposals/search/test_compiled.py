"""Where compiled loops are kept, and what is said where there is no numba."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from detect.errors import EnvironmentProblem
from detect.proposals import selective_search
from detect.proposals.selective_search import search_module

PROGRAM = """
import os
from numba.core import caching
# What is left where neither the package's folder nor the user's can be written to.
caching.CacheImpl._locator_classes = [caching.UserProvidedCacheLocator]
from detect.proposals.search.sorting import std_sort
import numpy as np
keys = np.array([2, 1], np.float32)
std_sort(keys, np.zeros(2, np.int32))
folder = os.environ["NUMBA_CACHE_DIR"]
print(keys.tolist(), len(list(os.scandir(next(os.scandir(folder)).path))) > 0, folder)
"""


def test_without_a_folder_to_write_to_a_process_and_its_workers_have_one(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    said, folder = done.stdout.rsplit(maxsplit=1)
    assert said == "[1.0, 2.0] True"
    assert Path(folder).parent == tmp_path
    assert list(tmp_path.iterdir()) == []  # gone with the process


def test_without_numba_the_repair_and_the_other_search_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "detect.proposals.search", None)
    with pytest.raises(EnvironmentProblem) as caught:
        search_module()
    first, second = str(caught.value).splitlines()
    assert first.startswith("numba, which compiles Selective Search, cannot be imported: ")
    repair = "Repair: pip install -U numba, or use search=opencv: the same boxes, slower."
    assert second == repair


def test_without_memory_for_numba_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selective_search, "_BYTES_TO_COMPILE", 2**62)
    with pytest.raises(EnvironmentProblem) as caught:
        search_module()
    assert str(caught.value) == (
        "not enough memory to load numba, which compiles Selective Search. Allow more (ulimit -v), "
        "or use search=opencv: the same boxes, slower."
    )
