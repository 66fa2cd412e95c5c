"""`detect explain` as it is typed, and its page in a browser beside `detect ensemble` and `eval`."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import write_voc
from commands import call
from explaining import keep_scores

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
IDS = ("test_000", "test_001", "test_002")


def opened(page: Path, told: str) -> str:
    """Return the page's elements once it is drawn, with what is `told` in its address."""
    done = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            f"--user-data-dir={page.parent / 'profile'}",
            *("--virtual-time-budget=20000", "--dump-dom", f"{page.as_uri()}#{told}"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert 'data-ready="yes"' in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def row_of(dom: str, name: str) -> list[str]:
    """Return the cells of the row of figures called `name`."""
    found = re.search(rf'<tr data-row="{name}">(.*?)</tr>', dom)
    assert found is not None
    return re.findall(r"<td>(.*?)</td>", found[1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explained")
    write_voc(root / "voc", {"test": 4}, seed=2, objects=3)
    keep_scores(root / "voc", "test", root / "run", deltas="agnostic", seed=4)
    (root / "ids.txt").write_text("".join(f"{name}\n" for name in IDS))
    return root


def test_it_prints_why_an_image_is_shown_and_the_page(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ("--data", world / "voc", "--split", "test", "--out", tmp_path / "page")
    assert call("explain", world / "run", *told) == 0
    said = capsys.readouterr()
    *images, page = said.out.splitlines()
    assert said.err.startswith("No superpixels: the regions are not of Selective Search.")
    assert page == str(tmp_path / "page/index.html")
    assert any(line.endswith("best") for line in images)
    assert call("explain", world / "run", *told) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium, in which the page is opened")
@pytest.mark.parametrize(
    ("kind", "nms"), [("nms", 0.3), ("nms", 0.6), ("soft-nms", None), ("wbf", 0.4)]
)
def test_figures_in_a_browser_are_those_of_the_commands(
    world: Path, tmp_path: Path, kind: str, nms: float | None
) -> None:
    """mAP, AP of every class, right, wrong and missed from a score up."""
    from detect.data import open_dataset
    from detect.evaluation.flat import FlatDetections
    from detect.report.images import score_images
    from detect.storage.detections import read_columns

    options = ["--kind", kind, *(["--nms", nms] if nms else [])]
    assert call("ensemble", world / "run", "--out", tmp_path / "made", *options) == 0
    made = tmp_path / "made/detections.json"
    entries = [entry for entry in json.loads(made.read_text()) if entry["image_id"] in IDS]
    (tmp_path / "found.json").write_text(json.dumps(entries))
    data = ("--data", world / "voc", "--split", world / "ids.txt")
    scored = ("--detections", tmp_path / "found.json", "--json", tmp_path / "map.json")
    assert call("eval", "--map", *data, *scored) == 0
    named = [word for name in IDS for word in ("--image", name)]
    page = tmp_path / "page/index.html"
    whole = ("--data", world / "voc", "--split", "test")
    assert call("explain", world / "run", *whole, *named, "--out", page.parent) == 0
    dom = opened(page, f"image={IDS[1]}&kind={kind}&score=0.4" + (f"&nms={nms}" if nms else ""))

    expected = json.loads((tmp_path / "map.json").read_text())["voc2012"]
    found = re.search(r'data-map="([^"]*)"', dom)
    assert found is not None
    assert float(found[1]) == pytest.approx(expected["map"], abs=1e-9)
    aps = re.findall(r'<td data-ap="([^"]+)" data-class="([^"]+)"', dom)
    assert {name: float(ap) for ap, name in aps} == pytest.approx(
        {name: entry["ap"] for name, entry in expected["per_class"].items()}, abs=1e-9
    )
    dataset = open_dataset(world / "voc", world / "ids.txt")
    flat = FlatDetections(*read_columns(tmp_path / "found.json", dataset))
    tallies = score_images(dataset, flat, 0.4)
    columns = (tallies.right, tallies.wrong, tallies.missed)
    assert row_of(dom, "this image")[:3] == [str(column[1]) for column in columns]
    right, wrong, missed = (int(column.sum()) for column in columns)
    assert row_of(dom, "all 3 shown") == [
        str(right),
        str(wrong),
        str(missed),
        f"{100 * right / (right + wrong):.1f} %",
        f"{100 * right / (right + missed):.1f} %",
    ]
