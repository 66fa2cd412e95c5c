"""`detect report`: one file with everything in it, and errors that say what to do."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import voc_object, voc_xml, write_coco, write_voc
from reports import CURVE, TABLE, Page, report, run_folder

from detect.data import open_dataset
from detect.storage.proposals import write_proposals
from detect.structures import Dataset, Proposals

RCNN = {"method": "selective-search", "parameters": {"ks": [50, 100]}}
DOUBLED = {"method": "selective-search", "parameters": {"ks": [100, 200]}}


def proposed(path: Path, data: Dataset, recipe: dict[str, object], count: int) -> Path:
    made = [
        Proposals(
            s.image_id,
            s.size,
            np.concatenate([s.annotations.boxes, np.full((count, 4), [0, 0, 4, 4])]),
            np.zeros(len(s.annotations) + count),
            ["selective-search"] * (len(s.annotations) + count),
        )
        for s in data.samples
    ]
    write_proposals(path, made, recipe)
    return path


_PLOTS = ("classes", "curves", "ceiling", "errors", "confusion", "reliability", "recall")


@pytest.mark.parametrize("write", [write_voc, write_coco])
def test_one_file_with_everything_in_it(tmp_path, capsys, write):
    root = write(tmp_path / "set")
    data = open_dataset(root, "train")
    run, out = run_folder(tmp_path / "found", data), tmp_path / "out"
    rcnn = proposed(tmp_path / "rcnn.parquet", data, RCNN, 10)
    doubled = proposed(tmp_path / "doubled.parquet", data, DOUBLED, 4)
    given = ("--proposals", rcnn, "--proposals", doubled, "--out", out)
    assert report(run, "--data", root, "--split", "train", *given) == 0
    assert capsys.readouterr().out.strip() == str(out / "index.html")
    page = Page((out / "index.html").read_text(encoding="utf-8"))
    assert page.loaded
    assert all(url.startswith("data:image/") for url in page.loaded)
    for part in (
        "found Detections on set train: 3 images",
        "Mean average precision",
        "perfect labels and NMS",
        "the same on rcnn",
        "TIDE",
        "What is taken for what",
        "Expected calibration error",
        "Labels in doubt",
        "Best images",
        "Worst images",
        "Table 2: Classification performance",
        "Table 5: Single model performance for detection",
        "yours, on set train",
        "the numbers do not compare",
        "Departures from the paper",
        "What the paper does not fix",
        "<2&3>",
    ):
        assert part in page.text
    names = {path.name for path in out.iterdir()}
    plots = {f"{n}.png" for n in _PLOTS}
    assert plots | {"index.html", "report.json", "best-1.png", "worst-1.png"} <= names
    figures = json.loads((out / "report.json").read_text())
    assert figures["ceiling"]["the same on rcnn"] == pytest.approx(1)
    assert figures["runs"]["found"]["voc2012"]["map"] == figures["errors"]["map"]


_MEANS, _MOVED = "boxes are means of several", "boxes were moved"


@pytest.mark.parametrize(
    ("told", "reach", "words"),
    [
        ('kind = "nms"\nvote = "off"\nregression = "off"', "", ""),
        ('kind = "nms"\nvote = 0.5', _MEANS, ", no voting"),
        ('kind = "wbf"\nvote = "off"', _MEANS, ", no voting"),
        ('regression = "agnostic"', _MOVED, ", no regression"),
        ('vote = 0.5\nregression = "classwise"', _MOVED, ", no voting or regression"),
    ],
)
def test_what_regions_allow_is_no_bound_for_other_boxes(tmp_path, told, reach, words):
    root = write_voc(tmp_path / "set", {"test": 3})
    data = open_dataset(root, "test")
    found = run_folder(tmp_path / "found", data)
    config = found / "config.toml"
    config.write_text(f"format = 4\n{told}\n{config.read_text()}")
    regions = proposed(tmp_path / "p.parquet", data, RCNN, 5)
    shown = ("--data", root, "--split", "test", "--proposals", regions, "--pictures", 0)
    assert report(found, *shown, "--out", tmp_path / "out") == 0
    text = Page((tmp_path / "out/index.html").read_text(encoding="utf-8")).text
    assert ("and may reach objects that no proposed box does" in text) is bool(reach)
    assert f"; this run's {reach}" in text or not reach
    assert f"allow (perfect labels and NMS{words})" in text


def test_several_runs_and_the_paper(tmp_path):
    root = write_voc(tmp_path / "set", {"test": 12})
    data = open_dataset(root, "test")
    shares = {"one": (0.3, 1), "two": (0.4, 1), "six": (0.9, 6)}
    runs = [run_folder(tmp_path / name, data, *told) for name, told in shares.items()]
    out = tmp_path / "out"
    assert report(*runs, "--data", root, "--split", "test", "--out", out, "--pictures", 0) == 0
    text = Page((out / "index.html").read_text(encoding="utf-8")).text
    assert "What follows is the first run, one, in detail." in text
    assert (out / "networks.png").is_file()
    assert not list(out.glob("best-*"))
    figures = json.loads((out / "report.json").read_text())["runs"]
    scores = {name: entry["ilsvrc"]["map"] for name, entry in figures.items()}
    single = (scores["one"] + scores["two"]) / 2
    gain = f"{100 * (scores['six'] - single):+.1f} points ({single:.1%} to {scores['six']:.1%})"
    assert gain.replace("%", " %") in text


def test_what_other_commands_measured_is_shown(tmp_path):
    root = write_voc(tmp_path / "set", {"test": 1})
    run = run_folder(tmp_path / "found", open_dataset(root, "test"))
    (tmp_path / "curve.json").write_text(json.dumps(CURVE))
    (tmp_path / "table.json").write_text(json.dumps(TABLE))
    given = ("--ensemble", tmp_path / "curve.json", "--classification", tmp_path / "table.json")
    out = tmp_path / "out"
    assert report(run, "--data", root, "--split", "test", *given, "--out", out) == 0
    text = Page((out / "index.html").read_text(encoding="utf-8")).text
    assert (out / "ensemble.png").is_file()
    assert "+10.0 points (40.0 % to 50.0 %); voc2012, IoU 0.5" in text
    assert "c 42.0 38.0 +12.0" in text
    assert "1 10 10 12.34" in text
    assert "yours, on its validation set 12.34 Yours: models 1, crops 10." in text


@pytest.mark.parametrize("option", ["--ensemble", "--classification"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "a JSON object, got a list"),
        ('{"crops": 1, "images": {}}', "Make it with that command"),
    ],
)
def test_other_json_is_refused(tmp_path, capsys, option, content, said):
    root = write_voc(tmp_path / "set", {"test": 1})
    run = run_folder(tmp_path / "found", open_dataset(root, "test"))
    (tmp_path / "x.json").write_text(content)
    given = (option, tmp_path / "x.json", "--out", tmp_path / "out")
    assert report(run, "--data", root, "--split", "test", *given) == 4
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {tmp_path / 'x.json'}: ")
    assert said in error


def test_no_detections_at_all(tmp_path):
    root = write_voc(tmp_path / "set")
    data = open_dataset(root, "test")
    (tmp_path / "found").mkdir()
    (tmp_path / "found/detections.json").write_text("[]")
    out = tmp_path / "out"
    assert report(tmp_path / "found", "--data", root, "--split", "test", "--out", out) == 0
    text = Page((out / "index.html").read_text(encoding="utf-8")).text
    assert "100.0 points of mAP lost to missed objects" in text
    assert "No recipe was recorded" in text
    assert "None: no detection that scores 0.8 or more contradicts a label." in text
    figures = json.loads((out / "report.json").read_text())
    assert figures["thresholds"] == {}
    assert figures["calibration"]["error"] is None
    assert len(data) == 2


def test_one_image_and_one_class(tmp_path):
    root = write_voc(tmp_path / "set", {"test": 1}, ("circle",))
    run = run_folder(tmp_path / "found", open_dataset(root, "test"))
    out = tmp_path / "out"
    out.mkdir()
    for stale in ("recall.png", "best-9.png", "notes.txt"):
        (out / stale).write_text("of an earlier report, and mine")
    assert report(run, "--data", root, "--split", "test", "--out", out, "--exist-ok") == 0
    text = Page((out / "index.html").read_text(encoding="utf-8")).text
    assert "Best images" in text
    assert "Worst images" not in text
    names = {path.name for path in out.iterdir()}
    assert "notes.txt" in names
    assert not {"recall.png", "best-9.png"} & names


def without_objects(root: Path, objects: list[str]) -> Path:
    write_voc(root, {"test": 1})
    name = "test_000"
    (root / f"Annotations/{name}.xml").write_text(voc_xml(f"{name}.jpg", (96, 128), objects))
    return root


@pytest.mark.parametrize(
    ("objects", "kind"),
    [
        ([], "no object"),
        ([voc_object("circle", (1, 1, 9, 9), 1)], "only difficult objects and crowds"),
    ],
)
def test_a_split_without_objects_says_so(tmp_path, capsys, objects, kind):
    root = without_objects(tmp_path / "set", objects)
    run = run_folder(tmp_path / "found", open_dataset(root, "test"))
    assert report(run, "--data", root, "--split", "test", "--out", tmp_path / "out") == 4
    assert capsys.readouterr().err == (
        f"Error: {root}: split 'test' has {kind}: there is nothing to score. "
        "Give a split with objects.\n"
    )
    assert not (tmp_path / "out").exists()


def test_another_split_is_refused(tmp_path, capsys):
    root = write_voc(tmp_path / "set")
    run = run_folder(tmp_path / "found", open_dataset(root, "train"))
    assert report(run, "--data", root, "--split", "test", "--out", tmp_path / "out") == 4
    assert "was made on other images" in capsys.readouterr().err


def test_proposals_of_another_split_are_refused(tmp_path, capsys):
    root = write_voc(tmp_path / "set")
    run = run_folder(tmp_path / "found", open_dataset(root, "test"))
    other = proposed(tmp_path / "p.parquet", open_dataset(root, "train"), RCNN, 1)
    given = ("--data", root, "--split", "test", "--out", tmp_path / "out", "--proposals", other)
    assert report(run, *given) == 4
    assert "no proposals for image test_000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["a", "a"], "a is named twice. Name every run once."),
        (["a", "--proposals", "p", "--proposals", "./p"], "Name every --proposals once."),
        (
            ["a", *(word for n in range(7) for word in ("--proposals", str(n)))],
            "a report shows at most 6 --proposals, got 7.",
        ),
    ],
)
def test_what_is_named_twice_or_too_often(tmp_path, capsys, arguments, text):
    assert report(*arguments, "--data", "d", "--out", tmp_path / "out") == 2
    assert text in capsys.readouterr().err


def test_earlier_work_is_not_written_over(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/index.html").write_text("mine")
    assert report("a", "--data", "d", "--out", tmp_path / "out") == 2
    assert "exists already" in capsys.readouterr().err
