"""`detect split` as it is typed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import SYNSETS, write_coco, write_imagenet_det, write_voc

from detect.cli import main
from detect.data import open_dataset

SPLITS = {"val": 9, "train": 2}


def _split(
    capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0
) -> tuple[str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["split", *map(str, arguments)])
    output = capsys.readouterr()
    assert stop.value.code == code, output.err
    return output.out, output.err


@pytest.mark.parametrize("write", [write_voc, write_coco, write_imagenet_det])
def test_both_lists_are_splits_of_the_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Callable[..., Path]
) -> None:
    root, lists = write(tmp_path / "data", SPLITS), tmp_path / "lists"
    out, error = _split(capsys, root, "--split", "val", "--out", lists)
    halves = [open_dataset(root, str(lists / f"val{number}.txt")) for number in (1, 2)]
    assert sorted(map(len, halves)) == [4, 5]
    ids = [sample.image_id for half in halves for sample in half.samples]
    whole = open_dataset(root, "val")
    assert sorted(ids) == sorted(sample.image_id for sample in whole.samples)
    objects = [sum(len(sample.annotations) for sample in half.samples) for half in halves]
    lines = out.splitlines()
    assert lines[:2] == [
        f"{len(half)} images, {count} objects: {lists}/val{number}.txt"
        for number, (half, count) in enumerate(zip(halves, objects, strict=True), start=1)
    ]
    assert lines[2].startswith("imbalance of 3 classes: largest ")
    assert [line.split()[0] for line in sorted(lines[4:])] == ["circle", "square", "triangle"]
    assert error == ""


def test_the_printed_imbalance_is_that_of_the_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "data", SPLITS, seed=4)
    out, _ = _split(capsys, root, "--split", "val", "--out", tmp_path / "lists")
    halves = [open_dataset(root, str(tmp_path / f"lists/val{number}.txt")) for number in (1, 2)]
    lines = out.splitlines()[4:]
    assert len(lines) == 3
    for line in lines:
        name, first, second, share = line.split()
        label = halves[0].classes.index(name)
        counts = [
            sum(int((sample.annotations.labels == label).sum()) for sample in half.samples)
            for half in halves
        ]
        assert counts == [int(first), int(second)]
        assert share == f"{abs(counts[0] - counts[1]) / sum(counts):.2%}"


def test_blacklisted_images_are_in_neither_half(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_imagenet_det(tmp_path / "det", SPLITS)
    (tmp_path / "b.txt").write_text(f"2 {SYNSETS[0]}\n2 {SYNSETS[1]}\n5 {SYNSETS[2]}\n")
    arguments = (root, "--split", "val", "--blacklist", tmp_path / "b.txt")
    out, _ = _split(capsys, *arguments, "--out", tmp_path / "lists")
    assert out.startswith("2 blacklisted images left out\n")
    texts = [(tmp_path / f"lists/val{number}.txt").read_text() for number in (1, 2)]
    names = [line.split()[0] for text in texts for line in text.splitlines()]
    assert sorted(names) == [f"val_{number:08d}" for number in (1, 3, 4, 6, 7, 8, 9)]
    for text in texts:  # numbered in their own list, as R-CNN's are
        numbers = [int(line.split()[1]) for line in text.splitlines()]
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_seed_is_all_that_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_voc(tmp_path / "data", {"val": 30}, seed=2)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        _split(capsys, root, "--split", "val", "--out", tmp_path / name, "--seed", seed)
    first, again, other = ((tmp_path / name / "val1.txt").read_text() for name in "abc")
    assert first == again != other


def test_ten_classes_are_shown_or_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"class{number}" for number in range(12)]
    root = write_voc(tmp_path / "data", {"val": 40}, names, objects=3)
    arguments = (root, "--split", "val", "--out", tmp_path / "lists", "--exist-ok")
    out, _ = _split(capsys, *arguments)
    assert out.splitlines()[-1] == "and 2 classes below (--per-class)"
    out, _ = _split(capsys, *arguments, "--per-class")
    assert sorted(line.split()[0] for line in out.splitlines()[4:]) == sorted(names)


def test_a_class_without_objects_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_voc(tmp_path / "data", SPLITS)
    (root / "classes.txt").write_text("circle\nsquare\ntriangle\nunicorn\n")
    out, _ = _split(capsys, root, "--split", "val", "--out", tmp_path / "lists")
    assert "\nclasses without objects: unicorn\n" in out
    assert "imbalance of 3 classes" in out


def test_what_cannot_be_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_voc(tmp_path / "data", {"one": 1, "val": 3})
    rest = ("--out", tmp_path / "lists")
    _, error = _split(capsys, root, "--split", "none", *rest, code=4)
    assert "--split none: neither a split of" in error
    _, error = _split(capsys, root, "--split", "one", *rest, code=4)
    assert "split one: 1 images are left; two halves need two or more." in error
    for path in (root / "Annotations").iterdir():
        text = path.read_text()
        path.write_text(text[: text.index("<object>")] + "</annotation>")
    _, error = _split(capsys, root, "--split", "val", *rest, code=4)
    assert "split val: no annotated objects, so no classes to balance." in error
    (tmp_path / "b.txt").write_text("other circle\n")
    _, error = _split(
        capsys, root, "--split", "val", "--blacklist", tmp_path / "b.txt", *rest, code=4
    )
    assert "b.txt, line 1: no image of split 'val' has the id or number 'other'" in error
    assert not (tmp_path / "lists").exists()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/val1.txt").write_text("x\n")
    _, error = _split(capsys, root, "--split", "val", *rest, code=2)
    assert error.endswith("Choose another, or add --exist-ok to write over it.\n")
