"""`split` called from Python."""

import pytest
from builders import write_voc

from detect.data import open_dataset
from detect.errors import UsageError
from detect.stages import SplitOptions, split


def test_it_returns_both_lists_and_their_balance(tmp_path, capfd):
    root = write_voc(tmp_path / "voc", {"val": 9})
    (root / "classes.txt").write_text("circle\nsquare\ntriangle\nunicorn\n")
    (tmp_path / "b.txt").write_text("val_000 circle\n")
    out = tmp_path / "lists"
    given = {"data": str(root), "split": "val", "blacklist": str(tmp_path / "b.txt")}
    result = split(SplitOptions(**given, out=str(out)))
    assert [half.path for half in result.halves] == [out / "val1.txt", out / "val2.txt"]
    read = [open_dataset(root, str(half.path)) for half in result.halves]
    assert [half.images for half in result.halves] == [len(one) for one in read] == [4, 4]
    objects = [sum(len(s.annotations) for s in one.samples) for one in read]
    assert [half.objects for half in result.halves] == objects
    assert sum(one.first for one in result.classes) == objects[0]
    assert sum(one.second for one in result.classes) == objects[1]
    shares = [one.imbalance for one in result.classes]
    assert shares.pop() is None
    assert (result.largest, result.mean) == (max(shares), pytest.approx(sum(shares) / 3))
    assert result.median == sorted(shares)[1]
    assert result.blacklisted == 1
    assert capfd.readouterr() == ("", "")


def test_options_are_named_as_in_python(tmp_path):
    (tmp_path / "val1.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"^out=.* exists already\. .* or add exist_ok to write"):
        split(SplitOptions(data="voc", out=str(tmp_path)))
    with pytest.raises(UsageError, match=r"^out is missing: Folder for the two lists"):
        SplitOptions(data="voc")
