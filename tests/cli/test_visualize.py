"""`detect visualize` end to end on a tiny data set."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_coco, write_imagenet_det, write_voc
from killing import contents
from PIL import Image as PILImage

from detect.cli import main
from detect.cli.already import already
from detect.data import open_dataset
from detect.storage.detections import write_detections
from detect.storage.proposals import write_part
from detect.structures import Dataset, Detections, Proposals


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("voc"))


@pytest.fixture
def dataset(root: Path) -> Dataset:
    return open_dataset(root, "test")


def _run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["visualize", *map(str, arguments)])
    return int(str(stop.value.code))


def _proposals(path: Path, dataset: Dataset, size: tuple[int, int] | None = None) -> Path:
    boxes, sources = np.array([[5, 5, 60, 60], [20, 20, 90, 80]]), np.array(["ss", "multibox"])
    rows = [
        Proposals(sample.image_id, size or sample.size, boxes, np.zeros(2), sources)
        for sample in dataset.samples
    ]
    write_part(path, rows, {"method": "test"})
    return path


def _detections(path: Path, dataset: Dataset) -> Path:
    """Write the truth as detections of the first image, nothing for the others."""
    truth = dataset.samples[0].annotations
    first = dataset.samples[0].image_id
    found = Detections(first, truth.boxes, truth.labels, np.full(len(truth), 0.9))
    write_detections(path, [found], dataset)
    return path


def test_ground_truth_of_every_image(
    root: Path, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _run("--data", root, "--split", "test", "--ground-truth", "--out", out) == 0
    assert capsys.readouterr().out == f"2 pictures in {out}\n"
    assert [*contents(out)] == ["test_000.jpg", "test_001.jpg"]
    with PILImage.open(out / "test_000.jpg") as picture:
        height, width = dataset.samples[0].size
        assert picture.width == 5 * width  # 128 px enlarged to 640
        assert picture.height > 5 * height


def test_detections_and_proposals_of_one_image(
    root: Path, dataset: Dataset, tmp_path: Path
) -> None:
    found = _detections(tmp_path / "found.json", dataset)
    proposals = _proposals(tmp_path / "p.parquet", dataset)
    for number, option in enumerate((("--detections", found), ("--proposals", proposals))):
        out = tmp_path / f"out{number}"
        only = ("--image", "test_001", "--image", "test_001")
        assert _run("--data", root, "--split", "test", *option, *only, "--out", out) == 0
        assert [*contents(out)] == ["test_001.jpg"]


def test_pictures_differ_by_what_is_drawn(root: Path, dataset: Dataset, tmp_path: Path) -> None:
    found = _detections(tmp_path / "found.json", dataset)
    pictures = []
    for number, threshold in enumerate(("0.5", "0.95")):
        out = tmp_path / f"out{number}"
        options = ("--detections", found, "--threshold", threshold, "--image", "test_000")
        assert _run("--data", root, "--split", "test", *options, "--out", out) == 0
        pictures.append((out / "test_000.jpg").read_bytes())
    assert pictures[0] != pictures[1]


def test_ids_with_slashes_stay_in_the_folder(tmp_path: Path) -> None:
    root = write_imagenet_det(tmp_path / "det")
    out = tmp_path / "out"
    assert _run("--data", root, "--split", "train", "--ground-truth", "--out", out) == 0
    assert len(contents(out)) == 3
    assert all(name.startswith("part_0_train_") for name in contents(out))


def test_coco_ids_are_written_as_they_are(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "coco")
    out = tmp_path / "out"
    options = ("--ground-truth", "--image", "50")
    assert _run("--data", root, "--split", "test", *options, "--out", out) == 0
    assert [*contents(out)] == ["50.jpg"]


def test_an_unknown_image_names_the_nearest(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--data", root, "--split", "test", "--ground-truth", "--out", tmp_path / "out")
    assert _run(*options, "--image", "tst_001") == 4
    assert capsys.readouterr().err == (
        f"Error: --image tst_001: no such image among the 2 of split 'test' of {root}. "
        "The nearest id is 'test_001'.\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [(), ("--ground-truth", "--detections", "f"), ("--proposals", "p", "--ground-truth")]
)
def test_exactly_one_thing_is_drawn(
    root: Path, tmp_path: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("--data", root, "--split", "test", *options, "--out", tmp_path / "out") == 2
    expected = "Error: give one of --detections F, --proposals P and --ground-truth.\n"
    assert capsys.readouterr().err == expected


def test_proposals_of_other_images_are_refused(
    root: Path, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _proposals(tmp_path / "p.parquet", dataset, size=(50, 50))
    options = ("--data", root, "--split", "test", "--proposals", path)
    assert _run(*options, "--out", tmp_path / "out") == 4
    assert "p.parquet" in capsys.readouterr().err


def test_ground_truth_of_a_plain_folder_is_an_error(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--data", root / "JPEGImages", "--ground-truth", "--out", tmp_path / "out")
    assert _run(*options) == 4
    assert "has no annotations" in capsys.readouterr().err


def test_earlier_pictures_are_kept_or_gone_on_with(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ("--data", root, "--split", "test", "--ground-truth", "--out", out)
    assert _run(*options, "--image", "test_000") == 0
    (out / "test_000.jpg").write_bytes(b"an earlier picture")
    assert _run(*options) == 2
    assert "exists already" in capsys.readouterr().err
    assert _run(*options, "--resume") == 0
    assert (out / "test_000.jpg").read_bytes() == b"an earlier picture"
    assert (out / "test_001.jpg").exists()
    capsys.readouterr()
    assert _run(*options, "--resume") == 0
    assert capsys.readouterr().out == f"{already(out)}\n"
    assert _run(*options, "--exist-ok") == 0
    assert (out / "test_000.jpg").read_bytes() != b"an earlier picture"


def test_pictures_of_something_else_are_not_gone_on_with(
    root: Path, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, found = tmp_path / "out", _detections(tmp_path / "found.json", dataset)
    options = ("--data", root, "--split", "test", "--out", out)
    assert _run(*options, "--detections", found, "--image", "test_000") == 0
    before = contents(out)
    capsys.readouterr()
    assert _run(*options, "--detections", found, "--threshold", 0.75, "--resume") == 4
    assert capsys.readouterr().err == (
        f"Error: {out}/.drawn.json: the pictures there are of something else: threshold 0.5 and "
        "0.75. Draw them anew with --exist-ok in place of --resume, or choose another --out.\n"
    )
    assert _run(*options, "--ground-truth", "--resume") == 4
    assert "of detections and ground truth" in capsys.readouterr().err
    (out / ".drawn.json").unlink()
    assert _run(*options, "--detections", found, "--resume") == 4
    assert "there is no .drawn.json that says what its pictures show" in capsys.readouterr().err
    assert contents(out) == before


def test_a_damaged_image_stops_or_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "voc")
    damaged = root / "JPEGImages/test_000.jpg"
    damaged.write_bytes(damaged.read_bytes()[:600])
    options = ("--data", root, "--split", "test", "--ground-truth")
    assert _run(*options, "--out", tmp_path / "a") == 4
    assert str(damaged) in capsys.readouterr().err
    assert _run(*options, "--out", tmp_path / "b", "--skip-bad") == 0
    output = capsys.readouterr()
    assert str(damaged) in output.err
    assert [*contents(tmp_path / "b")] == ["test_001.jpg"]
    assert output.out == f"1 picture in {tmp_path / 'b'}\n"


def test_detections_of_an_unknown_class_are_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    bad = {"image_id": "test_000", "category_id": len(CLASSES) + 1, "bbox": [0, 0, 9, 9]}
    path.write_text(json.dumps([{**bad, "score": 0.9}]), encoding="utf-8")
    options = ("--data", root, "--split", "test", "--detections", path)
    assert _run(*options, "--out", tmp_path / "out") == 4
    assert "found.json" in capsys.readouterr().err


def test_coverage_shows_the_sources_side_by_side(
    root: Path, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = _proposals(tmp_path / "p.parquet", dataset)
    given = ("--data", root, "--split", "test", "--out", tmp_path / "out", "--coverage")
    assert _run(*given, "--proposals", stored) == 0
    height, width = dataset.samples[0].size
    with PILImage.open(tmp_path / "out/test_000.jpg") as picture:
        assert picture.width > 2 * 5 * width  # enlarged five times, a panel a source
        assert picture.height > 5 * height
    assert _run(*given[:-2], tmp_path / "other", "--coverage", "--ground-truth") == 2
    assert "--coverage goes with --proposals P." in capsys.readouterr().err


def test_earlier_pictures_stay_until_all_new_ones_are_drawn(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--data", root, "--split", "test", "--ground-truth", "--out", out)
    assert _run(*options) == 0
    (out / "test_000.jpg").write_bytes(b"an earlier picture")
    before = contents(out)
    image = sorted((root / "JPEGImages").glob("test_*"))[-1]
    content = image.read_bytes()
    try:
        image.write_bytes(content[:100])
        assert _run(*options, "--exist-ok") == 4
        assert contents(out) == before
    finally:
        image.write_bytes(content)
    assert _run(*options, "--resume") == 0
    assert (out / "test_000.jpg").read_bytes() != b"an earlier picture"
    assert contents(out).keys() == before.keys()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_an_out_that_cannot_be_a_folder_is_a_data_error(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "file").touch()
    options = ("--data", root, "--split", "test", "--ground-truth", "--out", tmp_path / name)
    assert _run(*options, "--exist-ok") == 4
    assert f"{tmp_path / 'file'}: is a file; a folder is needed" in capsys.readouterr().err


@pytest.mark.parametrize("threshold", ["nan", "inf"])
def test_a_threshold_is_a_number(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], threshold: str
) -> None:
    options = ("--data", root, "--split", "test", "--ground-truth", "--out", tmp_path / "out")
    assert _run(*options, "--threshold", threshold) == 2
    assert capsys.readouterr().err.startswith(f"Error: --threshold {threshold}: ")
