"""What is said of splits as a whole, and of folders."""

from checking import said, seen

from detect.checks.splits import check_split, check_unlisted

BOX = [(0, 0, 20, 20)]


def test_a_split_of_labelled_images_gives_nothing():
    assert said(check_split("train", [seen(BOX), seen(BOX, name="b")])) == []


def test_images_without_objects_are_counted():
    images = [seen(BOX), *(seen(name=f"e{number}") for number in range(7))]
    assert said(check_split("train", images)) == [
        ("empty", "train: 7 of 8 images: e0, e1, e2, e3, e4 and 2 more")
    ]


def test_a_split_without_an_object_that_counts():
    images = [seen(BOX, crowd=[True]), seen(BOX, difficult=[True], name="b"), seen(name="c")]
    assert said(check_split("val", images)) == [
        ("empty", "val: 1 of 3 images: c"),
        ("no-objects", "val: none of 2 objects in 3 images"),
    ]
    assert said(check_split("val", [seen()])) == [
        ("no-objects", "val: none of 0 objects in 1 image")
    ]


def test_objects_that_do_not_count():
    images = [seen(BOX * 3, difficult=[True, False, False], crowd=[False, True, False])]
    assert said(check_split("train", images)) == [
        ("ignored", "train: 1 difficult and 1 crowd of 3 objects")
    ]


def test_what_no_list_has_and_what_is_not_read(tmp_path):
    for name in ("a.jpg", "b.PNG", "broken.jpg", "c.HEIC", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    found = said(check_unlisted([tmp_path], [tmp_path / "a.jpg"], ["a", "sub/broken"]))
    assert found == [
        ("unlisted", f"{tmp_path}: 1 of 5 files: b.PNG"),
        ("unread", f"{tmp_path}: 1 of 5 files: c.HEIC"),
    ]
