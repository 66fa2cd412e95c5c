"""`detect import` and `detect export` as they are typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture, write_coco, write_imagenet_det, write_voc

from detect.cli import main
from detect.storage.proposals import ProposalFile, write_part, write_proposals
from detect.structures import Proposals


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a VOC set with test_000 and test_001 of 128 x 96 px."""
    return write_voc(tmp_path_factory.mktemp("data") / "voc")


def _detect(
    capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0
) -> tuple[str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    output = capsys.readouterr()
    assert stop.value.code == code, output.err
    return output.out, output.err


def _proposals(image_id: str) -> Proposals:
    boxes = np.array([[1.5, 2, 30.25, 40], [0, 0, 128, 96]], np.float32)
    return Proposals(image_id, (96, 128), boxes, np.array([0.75, 0.1]), np.array(["one", "two"]))


@pytest.mark.parametrize("extension", ["json", "npz"])
@pytest.mark.parametrize("target", ["back", "back.parquet"])
def test_out_and_back(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str], extension: str, target: str
) -> None:
    written = [_proposals("test_000"), _proposals("test_001")]
    write_proposals(tmp_path / "p.parquet", written, {"method": "x"})
    to = {"json": "coco-results"}.get(extension, extension)
    foreign, back = tmp_path / f"boxes.{extension}", tmp_path / target
    out, _ = _detect(capsys, "export", tmp_path / "p.parquet", "--to", to, "--out", foreign)
    assert out == f"2 images: {foreign}\n"
    out, error = _detect(capsys, "import", foreign, "--data", voc, "--split", "test", "--out", back)
    assert (out, error) == (f"2 images, 4 boxes: {back}\n", "")
    for one, other in zip(written, ProposalFile(back), strict=True):
        assert one.image_id == other.image_id
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)
        sources = one.sources.tolist() if extension == "json" else ["imported"] * 2
        assert other.sources.tolist() == sources


def test_source_and_recipe(tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "b.npz", test_001=np.array([[11, 21, 30, 60]]))
    arguments = ("import", tmp_path / "b.npz", "--data", voc, "--split", "test")
    named = ("--source", "edge-boxes", "--coordinates", "voc")
    _, error = _detect(capsys, *arguments, "--out", tmp_path / "p", *named)
    assert error == "Warning: 1 of 2 images have no box.\n"
    stored = ProposalFile(tmp_path / "p")
    assert stored.image_ids == ("test_000", "test_001")
    assert len(stored.read("test_000")) == 0
    np.testing.assert_array_equal(stored.read("test_001").boxes, [[10, 20, 30, 60]])
    assert stored.read("test_001").sources.tolist() == ["edge-boxes"]
    assert stored.recipe["method"] == "import"
    assert stored.recipe["parameters"] == {"source": "edge-boxes", "coordinates": "voc"}
    assert (stored.recipe["images"], len(stored.recipe["file"])) == (2, 16)
    _, error = _detect(capsys, *arguments, "--out", tmp_path / "p", code=2)
    assert "exists already" in error
    _detect(capsys, *arguments, "--out", tmp_path / "p", "--exist-ok")
    assert ProposalFile(tmp_path / "p").recipe["parameters"]["coordinates"] == "xyxy"


def test_numbers_as_coco_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "coco")
    images = json.loads((root / "annotations/instances_test.json").read_text())["images"]
    ids = [image["id"] for image in images]
    results = [{"image_id": ids[0], "bbox": [1, 2, 30, 40], "score": 2, "category_id": 3}]
    (tmp_path / "r.json").write_text(json.dumps(results))
    _detect(
        capsys, "import", tmp_path / "r.json", "--data", root, "--split", "test",
        "--out", tmp_path / "p.parquet",
    )  # fmt: skip
    _detect(
        capsys,
        "export",
        tmp_path / "p.parquet",
        "--to",
        "coco-results",
        "--out",
        tmp_path / "back.json",
    )
    (entry,) = json.loads((tmp_path / "back.json").read_text())
    assert entry == {
        "image_id": ids[0], "category_id": 1, "bbox": [1, 2, 30, 40], "score": 2,
        "source": "imported",
    }  # fmt: skip


def test_a_plain_folder_has_its_sizes_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_image(tmp_path / "images" / "a.png", texture(np.random.default_rng(0), (20, 30)))
    np.savez(tmp_path / "b.npz", a=np.array([[0, 0, 99, 99], [50, 0, 60, 9]]))
    _, error = _detect(
        capsys, "import", tmp_path / "b.npz", "--data", tmp_path / "images",
        "--out", tmp_path / "p.parquet",
    )  # fmt: skip
    assert error == "Warning: 1 boxes lie outside their image: left out.\n"
    (proposals,) = ProposalFile(tmp_path / "p.parquet")
    assert proposals.size == (20, 30)
    np.testing.assert_array_equal(proposals.boxes, [[0, 0, 30, 20]])


def test_a_submission_out_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_imagenet_det(tmp_path / "det")
    entries = [
        {"image_id": "test_00000002", "category_id": 3, "bbox": [1.5, 2, 30.25, 40], "score": 0.1},
        {"image_id": "test_00000001", "category_id": 1, "bbox": [0, 0, 128, 96], "score": 0.7},
    ]
    (tmp_path / "d.json").write_text(json.dumps(entries))
    data, text = ("--data", root, "--split", "test"), tmp_path / "s.txt"
    told = ("--to", "ilsvrc", *data, "--out", text)
    out, _ = _detect(capsys, "export", tmp_path / "d.json", *told)
    assert out == f"2 images, 2 detections: {text}\n"
    assert text.read_text().splitlines()[0] == "1 1 0.7 0.0 0.0 127.0 95.0"
    out, error = _detect(capsys, "import", text, *data, "--out", tmp_path / "back.json")
    assert (out, error) == (f"2 images, 2 detections: {tmp_path / 'back.json'}\n", "")
    assert json.loads((tmp_path / "back.json").read_text()) == entries[::-1]


def test_submissions_that_cannot_be(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, text = ("--data", voc, "--split", "test"), tmp_path / "s.txt"
    results, back = tmp_path / "d.json", ("--out", tmp_path / "back.json")
    to = ("--to", "ilsvrc", "--out", text)
    _, error = _detect(capsys, "export", results, *data, *to, code=4)
    assert "d.json: no such file. Expected proposals, detections (COCO results) or a data" in error
    results.write_text("[]")
    _, error = _detect(capsys, "export", results, *to, code=2)
    assert "--to ilsvrc: a submission needs --data and --split of its detections." in error
    _, error = _detect(capsys, "import", text, *data, *back, code=4)
    assert "s.txt: no such file. Expected COCO results, NumPy arrays (.npz), a submission" in error
    text.write_text("3 1 0.5 0 0 9 9\n")
    _, error = _detect(capsys, "import", text, *data, "--out", tmp_path / "p", code=2)
    assert "a submission becomes detections: expected a name ending in .json." in error
    _, error = _detect(capsys, "import", text, *data, *back, "--source", "x", code=2)
    assert "--source and --coordinates are for proposals, not for a submission." in error
    _, error = _detect(capsys, "import", text, *data, *back, code=4)
    assert "s.txt, line 1: there is no image 3 in split 'test'" in error
    assert not (tmp_path / "back.json").exists()


def test_what_cannot_be_imported(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ("--data", voc, "--split", "test", "--out", tmp_path / "p")
    _, error = _detect(capsys, "import", tmp_path / "none.npz", *rest, code=4)
    assert "none.npz: no such file. Expected COCO results, NumPy arrays (.npz), a" in error
    (tmp_path / "boxes.mat").write_text("x")
    _, error = _detect(capsys, "import", tmp_path / "boxes.mat", *rest, code=4)
    assert "boxes.mat: unknown format" in error
    (tmp_path / "b.json").write_text('[{"image_id": "other", "bbox": [0, 0, 9, 9], "score": 1}]')
    _, error = _detect(capsys, "import", tmp_path / "b.json", *rest, code=4)
    assert f"b.json: 1 of 1 images are not in split test of {voc}, the first other." in error
    _, error = _detect(capsys, "import", tmp_path / "b.json", *rest, "--coordinates", "voc", code=2)
    assert "--coordinates is for .npz files" in error
    _, error = _detect(capsys, "import", tmp_path / "b.json", "--out", tmp_path / "p", code=2)
    assert "--data is missing: the data set that the boxes are of." in error
    _, error = _detect(capsys, "import", voc, *rest, code=4)
    assert f"{voc}: a folder. Expected COCO results" in error
    assert not (tmp_path / "p").exists()


def test_content_tells_what_is_imported(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ("--data", voc, "--split", "test")
    (tmp_path / "b.txt").write_text('[{"image_id": "test_000", "bbox": [0, 0, 9, 9], "score": 1}]')
    out, _ = _detect(capsys, "import", tmp_path / "b.txt", *told, "--out", tmp_path / "p")
    assert out == f"2 images, 1 boxes: {tmp_path / 'p'}\n"
    (tmp_path / "s.json").write_text("1 1 0.5 0 0 9 9\n")
    out, _ = _detect(capsys, "import", tmp_path / "s.json", *told, "--out", tmp_path / "d.json")
    assert out == f"2 images, 1 detections: {tmp_path / 'd.json'}\n"


@pytest.mark.parametrize(
    ("ending", "to"), [(".json", "coco-results"), (".npz", "npz"), (".txt", "ilsvrc")]
)
def test_the_old_spelling_is_told_the_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, to: str
) -> None:
    out = tmp_path / f"b{ending}"
    _, error = _detect(capsys, "export", tmp_path / "p", "--out", out, code=2)
    assert (
        "--to is missing: one of coco-results, npz, ilsvrc, voc, coco, yolo, onnx, openvino."
        in error
    )
    assert f"What --out {out} ends in no longer tells: add --to {to}." in error


def test_what_cannot_be_exported(
    tmp_path: Path, voc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "b")
    _, error = _detect(capsys, "export", tmp_path / "p", "--to", "npz", *out, code=4)
    assert "p: no such file. Expected proposals, detections (COCO results) or a data set." in error
    write_proposals(tmp_path / "p.parquet", [_proposals("test_000")], {"method": "x"})
    given = ("export", tmp_path / "p.parquet", *out)
    _, error = _detect(capsys, *given, "--to", "yolo", code=2)
    assert "p.parquet is a file of proposals, which goes to coco-results or npz." in error
    _, error = _detect(capsys, *given, "--to", "npz", "--data", voc, code=2)
    assert "--data is for detections, with --to ilsvrc. Leave it out." in error
    _, error = _detect(capsys, *given, "--to", "npz", "--split", "test", code=2)
    assert "--split and --skip-bad are for detections and data sets" in error
    _, error = _detect(capsys, "export", voc, "--to", "npz", *out, code=2)
    assert "is a data set, which goes to voc or coco or yolo." in error
    _, error = _detect(capsys, "export", voc / "JPEGImages", "--to", "coco", *out, code=2)
    assert "has images without annotations" in error
    assert not (tmp_path / "b").exists()


def test_what_is_not_finished_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Proposals("a", (9, 9), np.array([[0, 0, 5, 5]]), np.ones(1), np.array(["own"]))
    write_part(tmp_path / "p/part-00000.parquet", [one], {"method": "own", "images": 65})
    _, error = _detect(
        capsys, "export", tmp_path / "p", "--to", "npz", "--out", tmp_path / "b.npz", code=4
    )
    assert "has 1 of the 2 parts that 65 images need: not finished. Go on with detect" in error
    assert not (tmp_path / "b.npz").exists()
