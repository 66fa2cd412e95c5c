"""`detect explain` as it is typed, and its page in a browser beside what the commands say."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Browser, browser, needs_chromium
from builders import write_voc
from commands import call
from explaining import keep_scores

IDS = ("test_000", "test_001", "test_002")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


def row_of(tab: Browser, name: str) -> list[str]:
    """Return the cells of the row of figures called `name`."""
    cells = f"document.querySelectorAll('[data-row=\"{name}\"] td')"
    found: list[str] = tab.run(f"[...{cells}].map((cell) => cell.textContent)")
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explained")
    write_voc(root / "voc", {"test": 4}, seed=2, objects=3)
    keep_scores(root / "voc", "test", root / "run", deltas="agnostic", seed=4)
    (root / "ids.txt").write_text("".join(f"{name}\n" for name in IDS))
    return root


@pytest.fixture(scope="module")
def page(world: Path) -> Path:
    """Return a page on three of the images."""
    named = [word for name in IDS for word in ("--image", name)]
    told = ("--data", world / "voc", "--split", "test", *named, "--out", world / "page")
    assert call("explain", world / "run", *told) == 0
    return world / "page/index.html"


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


@needs_chromium
@pytest.mark.parametrize(
    ("kind", "nms"), [("nms", 0.3), ("nms", 0.6), ("soft-nms", None), ("wbf", 0.4)]
)
def test_figures_in_a_browser_are_those_of_the_commands(
    world: Path, page: Path, tab: Browser, tmp_path: Path, kind: str, nms: float | None
) -> None:
    """mAP, AP of every class, right, wrong and missed from a score up."""
    options = ["--kind", kind, *(["--nms", nms] if nms else [])]
    assert call("ensemble", world / "run", "--out", tmp_path / "made", *options) == 0
    made = tmp_path / "made/detections.json"
    entries = [entry for entry in json.loads(made.read_text()) if entry["image_id"] in IDS]
    (tmp_path / "found.json").write_text(json.dumps(entries))
    data = ("--data", world / "voc", "--split", world / "ids.txt")
    scored = ("--detections", tmp_path / "found.json", "--json", tmp_path / "map.json")
    assert call("eval", "--map", *data, *scored) == 0
    tab.open(page, f"image={IDS[1]}")
    tab.set("kind", kind)
    tab.set("score", 0.4)
    if nms:
        tab.set("nms", nms)
    check_figures(tab, world, tmp_path)
    address = tab.run("location.hash")
    tab.open(page, address.lstrip("#"))  # a link to a view shows the same
    check_figures(tab, world, tmp_path)


def check_figures(tab: Browser, world: Path, tmp_path: Path) -> None:
    """Hold what the page says now to what the commands left in `tmp_path`."""
    from detect.data import open_dataset
    from detect.evaluation.flat import FlatDetections
    from detect.report.images import score_images
    from detect.storage.detections import read_columns

    expected = json.loads((tmp_path / "map.json").read_text())["voc2012"]
    found = tab.run("document.querySelector('[data-map]').dataset.map")
    assert float(found) == pytest.approx(expected["map"], abs=1e-9)
    cells = "[...document.querySelectorAll('[data-ap]')].filter((cell) => cell.dataset.ap)"
    aps = tab.run(f"{cells}.map((cell) => [cell.dataset.class, Number(cell.dataset.ap)])")
    assert dict(aps) == pytest.approx(
        {name: entry["ap"] for name, entry in expected["per_class"].items()}, abs=1e-9
    )
    dataset = open_dataset(world / "voc", world / "ids.txt")
    flat = FlatDetections(*read_columns(tmp_path / "found.json", dataset))
    tallies = score_images(dataset, flat, 0.4)
    columns = (tallies.right, tallies.wrong, tallies.missed)
    assert row_of(tab, "this image")[:3] == [str(column[1]) for column in columns]
    right, wrong, missed = (int(column.sum()) for column in columns)
    assert row_of(tab, "all 3 shown") == [
        str(right),
        str(wrong),
        str(missed),
        f"{100 * right / (right + wrong):.1f} %",
        f"{100 * right / (right + missed):.1f} %",
    ]


@needs_chromium
def test_a_box_chosen_tells_its_votes_and_its_fate(page: Path, tab: Browser) -> None:
    """By a click on the photograph, by a line of the lists, by the keyboard."""
    tab.open(page, f"image={IDS[0]}")
    inspected = "document.getElementById('inspected').textContent"
    assert "Point at a box" in tab.run(inspected)
    tab.run("document.querySelector('#found button').click()")
    said = tab.run(inspected)
    assert "Votes" in said
    assert "background" in said
    assert "Kept" in said
    assert "Regression moves it" in said
    canvas = "document.getElementById('detection-canvas')"
    tab.run(f"{canvas}.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'ArrowRight' }}))")
    assert tab.run(inspected) != said
    tab.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")
    assert "Point at a box" in tab.run(inspected)
    middle = "clientX: frame.left + frame.width / 2, clientY: frame.top + frame.height / 2"
    canvas = "document.getElementById('proposal-canvas')"
    tab.run(
        f"(() => {{ const frame = {canvas}.getBoundingClientRect(); "
        f"{canvas}.dispatchEvent(new MouseEvent('click', {{ {middle} }})); }})()"
    )
    assert tab.run(inspected).startswith("Box ")
    tab.set("score", 1)
    assert tab.run("document.getElementById('objects').textContent").count("Missed") == 3
    tab.set("budget", 1)
    assert tab.run("document.getElementById('proposal-text').textContent").endswith(
        "by the first 1 of 60 boxes (IoU 0.5 or more)."
    )


@needs_chromium
@pytest.mark.parametrize("name", ["proposal", "detection"])
def test_pointing_shows_what_choosing_shows_until_the_pointer_leaves(
    page: Path, tab: Browser, name: str
) -> None:
    tab.tell("Emulation.setDeviceMetricsOverride", **DESK)
    tab.open(page, f"image={IDS[0]}&score=0.01")
    inspected = "document.getElementById('inspected').textContent"
    picture = f"document.getElementById('{name}-canvas').toDataURL()"
    before = tab.run(inspected), tab.run(picture)
    point(tab, f"{name}-canvas", "pointermove")
    pointed = tab.run(inspected), tab.run(picture)
    assert "Votes" in pointed[0]
    assert tab.run("document.querySelector('.passing') !== null")
    point(tab, f"{name}-canvas", "pointerleave")
    assert (tab.run(inspected), tab.run(picture)) == before
    point(tab, f"{name}-canvas", "click")
    assert (tab.run(inspected), tab.run(picture)) == pointed
    point(tab, f"{name}-canvas", "pointerleave")  # and what is chosen stays
    assert (tab.run(inspected), tab.run(picture)) == pointed
    tab.tell("Emulation.clearDeviceMetricsOverride")


@needs_chromium
def test_pointing_at_a_line_shows_its_box(page: Path, tab: Browser) -> None:
    tab.tell("Emulation.setDeviceMetricsOverride", **DESK)
    tab.open(page, f"image={IDS[0]}")
    tab.run(
        "document.querySelector('#objects .entry').dispatchEvent(new PointerEvent('pointerenter'))"
    )
    tab.wait()
    said = tab.run("document.getElementById('inspected').textContent")
    assert said.startswith(
        tab.run("document.querySelector('#objects .entry span + span').textContent")
    )
    assert tab.run("document.getElementById('inspector').classList.contains('open')") is False
    tab.tell("Emulation.clearDeviceMetricsOverride")


DESK = {"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": False}


def point(tab: Browser, element: str, event: str) -> None:
    """Send a mouse's `event` to the middle of `element`."""
    tab.run(
        f"(() => {{ const one = document.getElementById('{element}'); "
        "const frame = one.getBoundingClientRect(); "
        f"one.dispatchEvent(new PointerEvent('{event}', {{ pointerType: 'mouse', "
        "clientX: frame.left + frame.width / 2, clientY: frame.top + frame.height / 2 })); })()"
    )
    tab.wait()


@needs_chromium
def test_the_page_fits_a_phone(page: Path, tab: Browser) -> None:
    size = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    tab.tell("Emulation.setDeviceMetricsOverride", **size)
    try:
        tab.open(page, f"image={IDS[0]}")
        assert tab.run("document.documentElement.scrollWidth") <= 390
    finally:
        tab.tell("Emulation.clearDeviceMetricsOverride")


@needs_chromium
def test_names_are_text_and_an_image_may_have_nothing(tmp_path: Path, tab: Browser) -> None:
    """No region, no object, and a class whose name is an element with a script."""
    odd = "<img src=x onerror=document.title='run'>"
    write_voc(tmp_path / "voc", {"test": 2}, seed=2)
    keep_scores(tmp_path / "voc", "test", tmp_path / "run", regions=0)
    write_voc(tmp_path / "voc", {"test": 2}, seed=2, objects=0)
    told = ("--data", tmp_path / "voc", "--split", "test", "--image", "test_000")
    assert call("explain", tmp_path / "run", *told, "--out", tmp_path / "page") == 0
    page = tmp_path / "page/index.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace('"circle"', json.dumps(odd).replace("<", "\\u003c")))
    tab.open(page)
    assert tab.run("document.getElementById('objects').textContent").startswith("No object")
    assert tab.run("document.getElementById('found').textContent") == "Nothing reaches the score."
    assert tab.run("document.title") == "run: explained"
    assert tab.run("document.querySelectorAll('img').length") == 1
