"""The tutorial runs from its first cell to its last, and what is committed is what it shows."""

import copy
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

import detect

PATH = Path(__file__).parents[1] / "docs/tutorial.ipynb"
# A detector that finds nothing, or finds it in the wrong place or by the wrong name, is far below.
FLOOR = 0.3
PLACES = re.compile(r"/(tmp|work|home|root|Users|var)/|site-packages")


@pytest.fixture(scope="module")
def committed() -> Any:
    return nbformat.read(PATH, as_version=4)


def outputs(notebook: Any) -> Iterator[Any]:
    """Yield what all cells have shown."""
    for cell in notebook.cells:
        yield from cell.get("outputs", ())


def texts(notebook: Any) -> str:
    """Return every text that is shown, tables too."""
    shown = []
    for output in outputs(notebook):
        data = output.get("data", {})
        shown += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    return "\n".join(shown)


def pictures(notebook: Any) -> int:
    return sum("image/jpeg" in output.get("data", {}) for output in outputs(notebook))


def check_figures(notebook: Any) -> None:
    """Check that every protocol gives an mAP that only a detector that works has."""
    figures = dict(re.findall(r"^(\w+) +mAP (\d\.\d{3})$", texts(notebook), re.MULTILINE))
    assert set(figures) == {"voc2007", "voc2012", "ilsvrc", "coco"}
    assert all(FLOOR < float(value) <= 1 for value in figures.values()), figures
    assert re.search(r"^best 500: +\d+% covered", texts(notebook), re.MULTILINE)
    (counts,) = re.findall(r"(\d+) regions, (\d+) votes, (\d+) detections", texts(notebook))
    regions, votes, detections = map(int, counts)
    assert regions > votes > detections > 0


def test_what_is_committed_has_outputs_and_nothing_of_a_machine(committed: Any) -> None:
    assert PATH.stat().st_size <= 1_000_000
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert {output.output_type for output in outputs(committed)} == {
        "stream", "display_data", "execute_result",
    }  # fmt: skip
    assert {output.name for output in outputs(committed) if "name" in output} == {"stdout"}
    assert not PLACES.search(texts(committed))
    assert not any(cell.metadata for cell in committed.cells)
    assert committed.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    check_figures(committed)


@pytest.mark.slow
def test_it_runs_and_shows_what_it_says(
    committed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    # The code under test, from whichever folder the kernel starts in.
    monkeypatch.setenv("PYTHONPATH", str(Path(detect.__file__).parents[1]))
    notebook = copy.deepcopy(committed)
    last = nbformat.v4.new_code_cell("import sys\nprint(sys.executable, detect.__file__)")
    notebook.cells.append(last)
    where = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where)
    client.execute()
    said = notebook.cells.pop().outputs[0].text.split()
    assert said == [sys.executable, detect.__file__]
    assert pictures(notebook) == pictures(committed) > 5
    assert "stderr" not in [output.get("name") for output in outputs(notebook)]
    check_figures(notebook)
