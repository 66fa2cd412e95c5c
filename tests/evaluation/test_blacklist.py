"""The blacklist: what a line may say, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from scoring import dataset

from detect.errors import DataError
from detect.evaluation.blacklist import read_blacklist

DATA = replace(
    dataset({"val/7": [], "2": [], "x": []}, ("hair spray", "dog")), synsets=("n001", "n002")
)


def read(folder: Path, text: str) -> frozenset[tuple[str, int]]:
    path = folder / "blacklist.txt"
    path.write_text(text, encoding="utf-8")
    return read_blacklist(path, DATA)


def test_ids_come_before_numbers_and_names_may_hold_spaces(tmp_path: Path) -> None:
    assert read(tmp_path, "val/7 n001\n") == {("val/7", 0)}
    assert read(tmp_path, "1 hair spray\n3 n002") == {("val/7", 0), ("x", 1)}
    assert read(tmp_path, "2 dog\r\n\r\n2 dog\r\n") == {("2", 1)}
    # Image "3" is the first of this list, and "x" the third.
    path = tmp_path / "blacklist.txt"
    path.write_text("3 dog\n2 dog\n")
    assert read_blacklist(path, dataset({"3": [], "y": [], "x": []})) == {("3", 1), ("y", 1)}


def test_a_synset_comes_before_a_class_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "blacklist.txt"
    path.write_text("x n002\n")
    data = replace(DATA, classes=("n002", "dog"))
    assert read_blacklist(path, data) == {("x", 1)}


def test_numbers_count_images_that_were_left_out(tmp_path: Path) -> None:
    path = tmp_path / "blacklist.txt"
    path.write_text("3 dog\n1 dog\n")
    data = replace(DATA, samples=DATA.samples[1:])
    assert read_blacklist(path, data) == {("x", 1), ("val/7", 1)}


def test_an_empty_file_is_valid(tmp_path: Path) -> None:
    assert read(tmp_path, "") == read(tmp_path, "\n \n") == frozenset()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x dog\n4 dog", r"line 2: no image of split 'test' has the id or number '4' \(3 images\)"),
        ("0 dog", "number '0'.*Is it the blacklist of another split"),
        ("y dog", "the id or number 'y'"),
        ("x cat", "line 1: no class has the synset id or name 'cat'"),
        ("x", "line 1: expected `IMAGE CLASS`, got 'x'"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.txt: cannot be read: No such file"):
        read_blacklist(tmp_path / "nowhere.txt", DATA)
