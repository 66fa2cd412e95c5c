"""`detect eval`: figures in JSON and print, and options that do not go together."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from answers import perfect, proposed
from builders import write_coco, write_imagenet_det, write_voc

from detect.cli import main
from detect.data import open_dataset
from detect.storage.proposals import write_proposals
from detect.structures import Proposals


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["eval", *map(str, arguments)])
    return int(stop.value.code or 0)


@pytest.mark.parametrize("write", [write_voc, write_coco, write_imagenet_det])
def test_map_json_has_the_shape_of_the_design(tmp_path: Path, write: Any) -> None:
    root = write(tmp_path / "set")
    data = open_dataset(root, "train")
    found, out = perfect(tmp_path / "f.json", data), tmp_path / "new/scores.json"
    options = ("--split", "train", "--detections", found, "--protocol", "all", "--json", out)
    assert run("--map", "--data", root, *options) == 0
    scores = json.loads(out.read_text())
    assert list(scores) == ["voc2007", "voc2012", "ilsvrc", "coco"]
    for protocol, entry in scores.items():
        extra = {"map_50_95"} if protocol == "coco" else set()
        assert set(entry) == {"map", "per_class", "skipped"} | extra
        assert entry["map"] == pytest.approx(1)
        assert set(entry["per_class"]) | set(entry["skipped"]) == set(data.classes)
        for figures in entry["per_class"].values():
            assert {"ap", "positives", "detections"} <= set(figures)
            assert figures["positives"] == figures["detections"] > 0


@pytest.mark.parametrize("write", [write_voc, write_coco, write_imagenet_det])
def test_a_data_set_scores_without_its_images(tmp_path: Path, write: Any) -> None:
    root = write(tmp_path / "set")
    data = open_dataset(root, "train")
    found, boxes = perfect(tmp_path / "f.json", data), proposed(tmp_path / "p.parquet", data)
    for sample in data.samples:
        sample.path.unlink()
    out = tmp_path / "scores.json"
    given = ("--data", root, "--split", "train", "--json", out)
    assert run("--map", *given, "--detections", found, "--protocol", "all") == 0
    assert all(one["map"] == pytest.approx(1) for one in json.loads(out.read_text()).values())
    assert run("--recall", *given, "--proposals", boxes) == 0
    assert json.loads(out.read_text())["coverage"]["all"]["0.95"] == 1


def test_coco_json_alone_scores_without_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = {
        "images": [{"id": 7, "file_name": "7.jpg", "width": 300, "height": 200}],
        "categories": [{"id": 5, "name": "cat"}, {"id": 9, "name": "dog"}],
        "annotations": [
            {"id": 0, "image_id": 7, "category_id": 5, "bbox": [0, 0, 50, 50]},
            {"id": 1, "image_id": 7, "category_id": 5, "bbox": [90, 0, 50, 50], "difficult": 1},
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    entry = {"image_id": 7, "category_id": 5, "bbox": [0, 0, 50, 50], "score": 0.9}
    (tmp_path / "found.json").write_text(json.dumps([entry]))
    given = ("--annotations", tmp_path / "truth.json", "--detections", tmp_path / "found.json")
    assert run("--map", *given, "--protocol", "all", "--per-class") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["protocol", "mAP", "mAP", "50-95", "classes"]
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["voc2007", "100.0"],
        ["voc2012", "100.0"],
        ["ilsvrc", "50.0"],
    ]
    # COCO: 51 of 101 recall points.
    assert lines[4].split() == ["coco", "50.5", "50.5", "1", "of", "2"]
    assert lines[7].split() == ["cat", "1-2", "1", "100.0", "100.0", "50.0", "50.5"]
    assert lines[8] == "skipped, no object counts (voc2007, voc2012, ilsvrc, coco): dog"


def test_ties_are_broken_by_the_order_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where images alternate in it, which a mapping by image would lose."""
    box = {"category_id": 1, "bbox": [0, 0, 50, 50]}
    truth = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 99, "height": 99} for i in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": i, "image_id": i, **box} for i in (1, 2)],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    stray = {"category_id": 1, "bbox": [60, 60, 9, 9], "image_id": 1, "score": 0.5}
    found = [{"image_id": 1, "score": 0.5, **box}, {"image_id": 2, "score": 0.5, **box}, stray]
    (tmp_path / "found.json").write_text(json.dumps(found))
    given = ("--annotations", tmp_path / "truth.json", "--detections", tmp_path / "found.json")
    assert run("--map", *given) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1] == "100.0"
    # ILSVRC puts all of image 1 first: right, wrong, right.
    assert run("--map", *given, "--protocol", "ilsvrc") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1] == "83.3"


def test_blacklist_and_iou_reach_the_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_imagenet_det(tmp_path / "set")
    data = open_dataset(root, "test")
    found = perfect(tmp_path / "f.json", data)
    given = ("--map", "--data", root, "--split", "test", "--detections", found)
    lines = [
        f"1 {synset}\n2 {name}\n" for synset, name in zip(data.synsets, data.classes, strict=True)
    ]
    (tmp_path / "all.txt").write_text("".join(lines))
    assert run(*given, "--protocol", "ilsvrc", "--blacklist", tmp_path / "all.txt") == 4
    assert "no object that counts by ilsvrc" in capsys.readouterr().err.strip()
    (tmp_path / "wrong.txt").write_text("3 n00000011\n")
    assert run(*given, "--protocol", "all", "--blacklist", tmp_path / "wrong.txt") == 4
    assert "wrong.txt, line 1: no image of split 'test'" in capsys.readouterr().err
    assert run(*given, "--iou", "1") == 0


def test_recall_json_has_the_shape_of_the_design(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "set")
    data = open_dataset(root, "train")
    first, second = (proposed(tmp_path / name, data) for name in ("a.parquet", "folder"))
    out = tmp_path / "recall.json"
    given = ("--recall", "--data", root, "--split", "train", "--json", out)
    assert run(*given, "--proposals", first, "--per-class") == 0
    report = json.loads(out.read_text())
    assert report["images"] == 3
    budgets = ["10", "50", "100", "200", "500", "1000", "2000", "all"]
    assert list(report["recall"]) == list(report["coverage"]) == budgets
    ious = [f"0.{hundredths}" for hundredths in range(50, 100, 5)]
    assert report["recall"]["all"] == dict.fromkeys(ious, 1.0)
    assert report["average_recall"]["all"] == {"hosang": 1.0, "coco": 1.0}
    assert set(report["per_class"]) <= set(data.classes)
    assert set(report["per_size"]) <= {"small", "medium", "large"}
    assert report["per_source"]["search"]["only"]["0.50"] == 1.0
    assert report["per_source"]["multibox"]["alone"]["0.50"] == 0.0
    assert report["without_difficult"]["recall"] == report["recall"]
    printed = capsys.readouterr().out
    assert str(first) in printed
    assert any(line.startswith(tuple(report["per_class"])) for line in printed.splitlines())
    assert run(*given, "--proposals", first, "--proposals", second) == 0
    reports = json.loads(out.read_text())
    assert [one.pop("proposals") for one in reports] == [str(first), str(second)]
    report.pop("proposals")
    assert reports == [report, report]


def halves(folder: Path) -> tuple[Path, Path, Path]:
    """Write a data set and two proposals files of it, the second with half of the objects."""
    root = write_voc(folder / "set", {"test": 2}, objects=2)
    data = open_dataset(root, "test")
    made = []
    for sample in data.samples:
        boxes = sample.annotations.boxes[:1]
        made.append(Proposals(sample.image_id, sample.size, boxes, [1.0], ["multibox"]))
    write_proposals(folder / "half.parquet", made, {"method": "half"})
    return root, proposed(folder / "all.parquet", data), folder / "half.parquet"


def test_several_files_are_compared_in_one_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, everything, half = halves(tmp_path)
    given = ("--recall", "--data", root, "--split", "test")
    assert run(*given, "--proposals", everything) == 0
    assert "% of the first" not in capsys.readouterr().out
    assert run(*given, "--proposals", everything, "--proposals", half, "--per-class") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[-4:]]
    assert rows[0][:3] == ["proposals", "boxes an image", "% of the first"]
    assert rows[2] == ["all", "12.0", "100", *["100.0"] * 6]
    assert rows[3][:-1] == ["half", "1.0", "8", *["50.0"] * 5]
    sources = [line.split() for line in lines if line.startswith(("search", "together"))]
    assert ["search", "2.0", *["100.0"] * 4] in sources
    assert ["together", "12.0", "100.0", "100.0"] in sources
    assert any(line.startswith("mean of ") for line in lines)
    head = next(line.split() for line in lines if line.startswith("coverage 0.50"))
    assert head[2:] == ["objects", "multibox", "alone", "multibox", "only", "search", "alone",
                        "search", "only", "together"]  # fmt: skip


def test_advice_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, everything, half = halves(tmp_path)
    files = ("--proposals", everything, "--proposals", half)
    options = ("--target", "0.9", "--target-iou", "0.7", "--input-size", "32")
    out = tmp_path / "out.json"
    given = ("--recall", "--data", root, "--split", "test", *files, *options, "--json", out)
    assert run(*given) == 0
    lines = capsys.readouterr().out.splitlines()[-5:]
    assert lines[0] == "fewest boxes that cover 90 % of the objects at IoU 0.7"
    assert lines[1].startswith("all: 2.0 boxes an image (")
    assert lines[1].endswith(" s): none of multibox, 2.0 of search (the first 2 an image)")
    assert lines[2].startswith("half: not reached: at most 50.00 % with all 1.0 boxes an image (")
    assert "Chosen on these very objects" in lines[3]
    assert "classification" in lines[3]
    assert lines[4].startswith("alone: GoogLeNet-bn at 32 px takes ")
    assert "ms a crop on this machine (" in lines[4]
    first, second = (report["advice"] for report in json.loads(out.read_text()))
    assert first.pop("seconds_per_image") > 0
    assert first == {
        "iou": 0.7,
        "input_size": 32,
        "target": 0.9,
        "reached": True,
        "coverage": 1.0,
        "boxes_per_image": 2.0,
        "sources": {
            "multibox": {"first": 0, "boxes_per_image": 0.0},
            "search": {"first": 2, "boxes_per_image": 2.0},
        },
    }
    assert (second["reached"], second["coverage"]) == (False, 0.5)


def test_plot_is_written(tmp_path: Path) -> None:
    root, everything, half = halves(tmp_path)
    files = ("--proposals", everything, "--proposals", half)
    plot = tmp_path / "new/plot.png"
    assert run("--recall", "--data", root, "--split", "test", *files, "--plot", plot) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert list(plot.parent.iterdir()) == [plot]


def test_more_files_than_a_plot_shows(capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--proposals", "P"] * 7
    assert run("--recall", "--data", "D", "--split", "S", *files, "--plot", "p.png") == 2
    assert "--plot shows at most 6 --proposals, got 7" in capsys.readouterr().err


def test_a_proposals_file_that_is_missing_is_named_before_any_is_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, everything, _ = halves(tmp_path)
    files = ("--proposals", everything, "--proposals", tmp_path / "none")
    assert run("--recall", "--data", root, "--split", "test", *files) == 4
    output = capsys.readouterr()
    assert output.out == ""
    assert f"{tmp_path / 'none'}: no such proposals" in output.err


def test_proposals_of_another_split_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "set")
    path = proposed(tmp_path / "p.parquet", open_dataset(root, "train"))
    assert run("--recall", "--data", root, "--split", "test", "--proposals", path) == 4
    assert f"{path}: no proposals for image test_000" in capsys.readouterr().err


def test_detections_of_another_split_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "set")
    path = perfect(tmp_path / "f.json", open_dataset(root, "train"))
    assert run("--map", "--data", root, "--split", "test", "--detections", path) == 4
    assert "is of image 'train_000', which is not in split 'test'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--data D --split S --detections F", "either --map or --recall"),
        ("--map --recall --data D --detections F", "either --map or --recall"),
        ("--map --data D --split S", "--detections is missing: COCO results JSON, or the folder"),
        ("--recall --data D --split S", "--proposals is missing: From detect propose"),
        ("--map --data D --split S --detections F --proposals P", "--map takes no --proposals"),
        ("--recall --data D --proposals P --protocol coco", "--recall takes no --protocol"),
        ("--recall --data D --proposals P --iou 0.5", "--recall takes no --iou"),
        ("--map --detections F", "either --data (with --split) or --annotations"),
        ("--map --data D --annotations J --detections F", "either --data (with --split) or"),
        ("--map --annotations J --split S --detections F", "--split goes with --data"),
        ("--map --annotations J --skip-bad --detections F", "--skip-bad goes with --data"),
        ("--map --data D --split S --detections F --blacklist B", "--protocol ilsvrc"),
        ("--map --data D --split S --detections F --iou 0", "--iou"),
        ("--map --data D --split S --detections F --protocol voc", "--protocol"),
        ("--map --data D --split S --detections F --plot p.png", "--map takes no --plot"),
        ("--map --data D --split S --detections F --target 0.9", "--map takes no --target"),
        ("--map --data D --detections F --target-iou 0.5", "--map takes no --target-iou"),
        ("--map --data D --detections F --input-size 96", "--map takes no --input-size"),
        ("--recall --data D --proposals P --target-iou 0.5", "--target-iou belongs to --target"),
        ("--recall --data D --proposals P --input-size 96", "--input-size belongs to --target"),
        ("--recall --data D --proposals P --target 0", "--target"),
        ("--recall --data D --proposals P --target 1.01", "--target"),
        ("--recall --data D --proposals P --target 0.9 --target-iou 0", "--target-iou"),
        ("--recall --data D --proposals P --target 0.9 --input-size 31", "--input-size"),
        ("--recall --data D --proposals P --plot p.pdf", "it writes a PNG. Name it p.png"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) <= 2


def test_torch_is_not_imported(tmp_path: Path) -> None:
    root, everything, half = halves(tmp_path)
    found = perfect(tmp_path / "f.json", open_dataset(root, "test"))
    truth = ["eval", "--data", str(root), "--split", "test"]
    scored = [*truth, "--map", "--detections", str(found)]
    files = ["--proposals", str(everything), "--proposals", str(half)]
    recalled = [*truth, "--recall", *files, "--plot", str(tmp_path / "plot.png")]
    code = (
        "import sys\nfrom detect.cli import main\n"
        f"for arguments in {[scored, recalled]!r}:\n"
        "    try: main(arguments)\n"
        "    except SystemExit as stop: print(stop.code, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = [line for line in done.stdout.splitlines() if line.endswith(("True", "False"))]
    assert told == ["0 False", "0 False"], done.stderr


def test_images_skipped_are_counted_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "set")
    found = perfect(tmp_path / "f.json", open_dataset(root, "train"))
    (root / "Annotations/train_001.xml").write_text("<annotation>")
    given = ("--map", "--data", root, "--split", "train", "--detections", found)
    assert run(*given) == 4
    assert "train_001.xml" in capsys.readouterr().err
    assert run(*given, "--skip-bad") == 0
    output = capsys.readouterr()
    assert "train_001.xml" in output.err
    assert "Warning: images left out (--skip-bad): 1." in output.err
    assert output.out.splitlines()[1].split()[1] == "100.0"


def test_figures_go_where_a_file_can_be_and_over_nothing_that_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "voc")
    found = perfect(tmp_path / "f.json", open_dataset(root, "test"))
    boxes = proposed(tmp_path / "p.parquet", open_dataset(root, "test"))
    data, before = ("--data", root, "--split", "test"), found.read_bytes()
    (tmp_path / "folder").mkdir()
    refused = {
        "folder": (4, "expected a file, and a folder is there."),
        "f.json/x.json": (4, f"{found} is a file, not a folder."),
        "f.json": (2, "is read or written here. Choose another."),
    }
    for name, (code, said) in refused.items():
        path = tmp_path / name
        assert run("--map", *data, "--detections", found, "--json", path) == code
        assert capsys.readouterr().err == f"Error: --json {path}: {said}\n"
    assert run("--map", *data, "--detections", found, "--json", "/dev/null") == 4
    assert "a device or pipe is there" in capsys.readouterr().err
    both = ("--plot", tmp_path / "x.png", "--json", tmp_path / "x.png")
    assert run("--recall", *data, "--proposals", boxes, *both) == 2
    assert found.read_bytes() == before


def test_what_a_killed_command_left_beside_its_figures_goes(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc")
    found = perfect(tmp_path / "f.json", open_dataset(root, "test"))
    left = tmp_path / ".scores.json.999999999.tmp"
    left.write_text("{")
    given = ("--data", root, "--split", "test", "--detections", found)
    assert run("--map", *given, "--json", tmp_path / "scores.json") == 0
    assert not left.exists()
