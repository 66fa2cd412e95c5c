"""Lists of ids: names, text files, and what is wrong with them."""

from pathlib import Path

import pytest
from builders import write_coco, write_imagenet_det, write_voc

from detect.data import open_dataset
from detect.data.split import read_ids
from detect.errors import DataError, UsageError

WRITERS = [write_voc, write_coco, write_imagenet_det]


@pytest.mark.parametrize("write", WRITERS)
def test_an_unknown_split_names_the_splits_there(write, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train": 1, "test": 1})
    with pytest.raises(DataError) as caught:
        open_dataset(root, "trian")
    assert str(caught.value) == (
        f"split=trian: neither a split of {root} nor a text file of ids. "
        "Splits there: test, train; nearest: train."
    )


@pytest.mark.parametrize("write", WRITERS)
def test_no_split_is_a_usage_error_that_names_them(write, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train": 1, "test": 1})
    with pytest.raises(UsageError, match="say which split with split; there: test, train"):
        open_dataset(root, None)


@pytest.mark.parametrize("write", WRITERS)
def test_a_text_file_of_ids_is_a_split_in_its_order(write, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train": 3})
    whole = open_dataset(root, "train")
    chosen = [whole.samples[2], whole.samples[0]]
    path = tmp_path / "few.txt"
    path.write_text("\ufeff" + "\r\n\r\n".join(sample.image_id for sample in chosen))
    part = open_dataset(root, str(path))
    assert part.split == "few"
    assert part.listed == tuple(sample.image_id for sample in chosen)
    assert [sample.path for sample in part.samples] == [sample.path for sample in chosen]
    for got, expected in zip(part.samples, chosen, strict=True):
        assert got.annotations.boxes.tolist() == expected.annotations.boxes.tolist()


@pytest.mark.parametrize("write", WRITERS)
def test_an_empty_list_is_an_error(write, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train": 1})
    path = tmp_path / "none.txt"
    path.write_text("\n  \n")
    with pytest.raises(DataError, match=r"none\.txt: the split is empty; expected one image id"):
        open_dataset(root, str(path))


@pytest.mark.parametrize("write", WRITERS)
def test_an_id_listed_twice_is_an_error(write, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train": 1})
    name = open_dataset(root, "train").samples[0].image_id
    path = tmp_path / "twice.txt"
    path.write_text(f"{name}\n{name}\n")
    with pytest.raises(DataError, match=rf"twice\.txt: image id {name} is listed more than once"):
        open_dataset(root, str(path))


@pytest.mark.parametrize("write", WRITERS)
def test_an_unknown_id_is_an_error_that_names_it(write, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train": 1})
    path = tmp_path / "other.txt"
    path.write_text("nobody\n")
    with pytest.raises(DataError, match="nobody"):
        open_dataset(root, str(path))


def test_a_name_comes_before_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_voc(tmp_path / "set", {"train": 2})
    (tmp_path / "train").write_text("train_001\n")
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset(root, "train")) == 2


def test_text_that_is_none_and_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"a\.txt: not UTF-8 text"):
        read_ids(path)
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_ids(tmp_path)


def test_numbers_behind_ids_are_dropped_in_numbered_lists_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a 1\nmy photo 2\nb -1\n17\n")
    assert read_ids(path, numbered=True) == ("a", "my photo", "b", "17")
    assert read_ids(path) == ("a 1", "my photo 2", "b -1", "17")


def test_a_long_list_of_splits_is_shown_short_names_first(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "set", {"train": 1})
    for number in range(40):
        (root / f"ImageSets/Main/class{number:02d}_train.txt").write_text("train_000  1\n")
    with pytest.raises(DataError, match=r"Splits there: train, class00_train, .*, \.\.\.\.$"):
        open_dataset(root, "xyz")
