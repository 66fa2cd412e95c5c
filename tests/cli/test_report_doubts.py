"""`detect report` on labels in doubt, beside `detect explain`, and on odd sets."""

import json
from html import escape

import numpy as np
import pytest
from browsing import browser, needs_chromium
from builders import write_coco, write_voc
from commands import call
from explaining import keep_scores
from reports import read, report, run_folder

from detect.data import open_annotations, open_dataset
from detect.storage.detections import write_detections
from detect.structures import Detections


def test_labels_in_doubt_are_shown_and_written_beside_the_data(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"test": 3})
    run = run_folder(tmp_path / "found", open_dataset(root, "test"))
    shown = ("--data", root, "--split", "test", "--pictures", 0, "--doubts", 1)
    written, out = tmp_path / "labels.json", tmp_path / "out"
    assert report(run, *shown, "--confident", 0.6, "--labels", written, "--out", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [str(out / "index.html"), f"{written}: 3 labels in doubt"]
    page = read(out)
    assert "circle at (0, 0, 5, 5), score 0.60: nothing is labelled there" in page.text
    assert "2 more" in page.text
    assert len([url for url in page.loaded if "jpeg" in url]) == 1
    doubts = json.loads((out / "report.json").read_text())["doubts"]
    assert [one["image"] for one in doubts["labels"]] == ["test_000", "test_001", "test_002"]
    again = open_annotations(written)
    assert [len(one.annotations) for one in again.samples] == [
        len(one.annotations) + 1 for one in open_dataset(root, "test").samples
    ]


@pytest.mark.parametrize("place", ["set/Annotations/test_000.xml", "set/labels.json"])
def test_labels_never_go_into_the_data(tmp_path, capsys, place):
    root = write_voc(tmp_path / "set", {"test": 1})
    run = run_folder(tmp_path / "found", open_dataset(root, "test"))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    given = ("--data", root, "--split", "test", "--labels", tmp_path / place)
    assert report(run, *given, "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err == (
        f"Error: --labels {tmp_path / place}: is in the data set, where it would be taken for "
        "labels. Choose another place.\n"
    )
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_explained_is_linked(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"test": 3}, seed=2, objects=2)
    run = keep_scores(root, "test", tmp_path / "found")
    data, page = ("--data", root, "--split", "test"), tmp_path / "a page"
    assert call("explain", run, *data, "--image", "test_001", "--out", page) == 0
    out = tmp_path / "out"
    assert report(run, *data, "--explained", page, "--out", out) == 0
    links = [url for url in read(out).loaded if not url.startswith("data:")]
    assert links == ["../a%20page/index.html", "../a%20page/index.html#image=test_001"]
    assert (out / "../a page/index.html").is_file()
    (tmp_path / "other.html").write_text("<p>a page</p>")
    again = ("--explained", tmp_path / "other.html", "--out", tmp_path / "again")
    assert report(run, *data, *again) == 4
    assert capsys.readouterr().err.endswith(
        "other.html: not a page of detect explain. Make it with that command.\n"
    )
    assert report(run, *data, *again[2:], "--explained", tmp_path / "nothere") == 4
    assert "Make it with detect explain" in capsys.readouterr().err


@needs_chromium
def test_the_page_fits_a_telephone(tmp_path):
    root = write_voc(tmp_path / "set", {"test": 3}, seed=2, objects=2)
    run = keep_scores(root, "test", tmp_path / "found")
    out = tmp_path / "out"
    assert report(run, "--data", root, "--split", "test", "--confident", "0", "--out", out) == 0
    with browser(tmp_path / "profile") as tab:
        size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        tab.tell("Emulation.setDeviceMetricsOverride", **size)
        tab.tell("Page.navigate", url=(out / "index.html").as_uri())
        loaded = (
            "new Promise((done) => document.readyState === 'complete'"
            " ? done() : addEventListener('load', done))"
        )
        tab.tell("Runtime.evaluate", expression=loaded, awaitPromise=True)
        assert tab.run("document.images.length") > 4
        assert tab.run("document.documentElement.scrollWidth") <= 390


def test_odd_names_of_classes_and_images_are_text(tmp_path):
    odd = "<script>alert(1)</script>"
    root = write_voc(tmp_path / "set", {"test": 2}, ("circle", "square"))
    (root / "classes.txt").write_text(f"{odd}\nsquare\n")
    for path in root.rglob("test_00*.xml"):
        path.write_text(path.read_text().replace("<name>circle<", f"<name>{escape(odd)}<"))
    for path in [*root.rglob("test_000.*")]:
        path.rename(path.with_stem("a&b<i>"))
    (root / "ImageSets/Main/test.txt").write_text("a&b<i>\ntest_001\n")
    data = open_dataset(root, "test")
    assert odd in data.classes
    run, out = run_folder(tmp_path / "found", data), tmp_path / "out"
    given = ("--data", root, "--split", "test", "--confident", 0.5, "--out", out)
    assert report(run, *given) == 0
    page = read(out)  # which refuses a script
    assert odd in page.text
    assert "a&b<i>" in page.text


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "objects"), [(1, 1), (200, 3)])
def test_few_and_many_classes_and_one_box_and_many(tmp_path, classes, objects):
    names = tuple(f"class {number}" for number in range(classes))
    root = write_coco(tmp_path / "set", {"test": 2}, objects=objects)
    path = root / "annotations/instances_test.json"
    content = json.loads(path.read_text())
    content["categories"] = [{"id": n, "name": name} for n, name in enumerate(names, 1)]
    for place, one in enumerate(content["annotations"]):
        one["category_id"] = 1 + 37 * place % classes
    path.write_text(json.dumps(content))
    data = open_dataset(root, "test")
    rng = np.random.default_rng(0)
    count = 1 if classes == 1 else 10_000
    found = [
        Detections(
            one.image_id,
            np.tile(one.annotations.boxes[:1], (count, 1)),
            rng.integers(classes, size=count),
            rng.uniform(0, 1, count),
        )
        for one in data.samples
    ]
    (tmp_path / "found").mkdir()
    write_detections(tmp_path / "found/detections.json", found, data)
    out = tmp_path / "out"
    assert report(tmp_path / "found", "--data", root, "--split", "test", "--out", out) == 0
    figures = json.loads((out / "report.json").read_text())
    assert len(figures["confusion"]["matrix"]) == classes + 1
    assert (out / "confusion.png").is_file() == (classes == 1)
    assert ("The whole matrix stands in report.json" in read(out).text) == (classes == 200)
