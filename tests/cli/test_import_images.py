"""`detect import` of labels: which image each entry means, by the folders and the name it tells."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture
from commands import call

from detect.data import open_dataset


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """Make images of 64 x 48 px in photos/, whose names are given; return the folder."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / "photos" / name
            save_image(path, texture(np.random.default_rng(0), (48, 64)))
        return tmp_path / "photos"

    return make


def _cvat(folder: Path, *entries: tuple[str, str]) -> Path:
    """Write CVAT's XML of images with one box each, (name, label)."""
    box = '<box label="{}" xtl="8" ytl="6" xbr="40" ybr="30"/>'
    images = (
        f'<image name="{name}" width="64" height="48">{box.format(label)}</image>'
        for name, label in entries
    )
    (folder / "a.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    return folder / "a.xml"


def _labelme(folder: Path, image: str, label: str = "cat", name: str = "001.json") -> Path:
    shape = {"label": label, "points": [[8, 6], [40, 30]], "shape_type": "rectangle"}
    content = {"shapes": [shape], "imagePath": image, "imageHeight": 48, "imageWidth": 64}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder / name


def _studio(folder: Path, *entries: tuple[str, str]) -> Path:
    """Write Label Studio's export of tasks with one rectangle each, (image, label)."""
    sides = {"original_width": 64, "original_height": 48}
    place = {"x": 12.5, "y": 12.5, "width": 50, "height": 50}
    tasks = []
    for number, (image, label) in enumerate(entries, 1):
        region = {**sides, "value": {**place, "rectanglelabels": [label]}}
        done = [{"result": [region]}]
        tasks.append({"id": number, "data": {"image": image}, "annotations": done})
    (folder / "e.json").write_text(json.dumps(tasks))
    return folder / "e.json"


def _imported(tmp_path: Path, capsys, file: Path, *more: object) -> dict[str, str]:
    """Import `file` and return the label of each image by its name; each has one object."""
    out = tmp_path / "set"
    assert call("import", file, *more, "--out", out) == 0, capsys.readouterr().err
    dataset = open_dataset(out, "all")
    return {
        sample.path.relative_to(out / "images").as_posix(): dataset.classes[label]
        for sample in dataset.samples
        for label in sample.annotations.labels
    }


def _refused(tmp_path: Path, capsys, file: Path, *more: object) -> str:
    assert call("import", file, *more, "--out", tmp_path / "set") == 4
    assert not (tmp_path / "set").exists()
    return " ".join(capsys.readouterr().err.split())


def test_a_picture_of_the_same_name_in_another_folder_is_another(tmp_path, photos, capsys):
    data = ("--data", photos("cam1/a.jpg"))
    text = _refused(tmp_path, capsys, _cvat(tmp_path, ("cam2/a.jpg", "dog")), *data)
    assert (
        f"a.xml: image cam2/a.jpg: no file for the image 'cam2/a.jpg' in and below {data[1]}; "
        "cam1/a.jpg is in another folder. Add the image, or give the folder that its path starts "
        "from as --data. Correct it, or leave the image out with --skip-bad."
    ) in text
    both = _cvat(tmp_path, ("cam2/a.jpg", "dog"), ("cam1/a.jpg", "cat"))
    assert "image cam2/a.jpg: no file for the image" in _refused(tmp_path, capsys, both, *data)
    assert _imported(tmp_path, capsys, both, *data, "--skip-bad") == {"cam1/a.jpg": "cat"}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        # The folder is there, the file is not.
        (["a.jpg", "cam2/b.jpg"], ["cam2/a.jpg"]),
        # Other names show that folders count.
        (["a.jpg", "cam1/b.jpg"], ["cam1/b.jpg", "cam2/a.jpg"]),
        (["a.jpg", "b.jpg"], ["photos/b.jpg", "cam2/a.jpg"]),
        (["a.jpg", "x/cam1/a.jpg"], ["y/cam1/a.jpg"]),
    ],
)
def test_folders_that_are_told_are_believed(tmp_path, photos, capsys, files, names):
    labels = _cvat(tmp_path, *((name, "cat") for name in names))
    text = _refused(tmp_path, capsys, labels, "--data", photos(*files))
    assert f"image {names[-1]}: no file for the image '{names[-1]}' in and below" in text
    assert "in another folder." in text


def test_a_picture_beside_the_folder_is_another(tmp_path, photos, capsys):
    folder, labels = photos("cam1/a.jpg", "cam2/a.jpg"), _cvat(tmp_path, ("cam2/a.jpg", "dog"))
    text = _refused(tmp_path, capsys, labels, "--data", folder / "cam1")
    assert f"the image 'cam2/a.jpg' in and below {folder / 'cam1'}; a.jpg is in another" in text
    assert _imported(tmp_path, capsys, labels, "--data", folder / "cam2") == {"a.jpg": "dog"}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.jpg", "in/a.jpg"], ["a.jpg", "in/a.jpg"]),
        (["in/b.jpg", "x/in/b.jpg"], ["in/b.jpg", "x/in/b.jpg"]),
        # From a folder above on, of this machine or of another.
        (["a.jpg", "in/a.jpg"], ["photos/a.jpg", "photos/in/a.jpg"]),
        (["a.jpg", "in/a.jpg"], ["/srv/share/a.jpg", "/srv/share/in/a.jpg"]),
        (["a.jpg", "in/a.jpg"], ["C:\\work\\a.jpg", "C:\\work\\in\\a.jpg"]),
        # All in one folder, whatever folders they were in.
        (["a.jpg", "b.jpg"], ["day1/a.jpg", "day2/b.jpg"]),
        # A name alone is looked for in all folders.
        (["in/a.jpg", "x/b.jpg"], ["a.jpg", "b.jpg"]),
        (["b.jpg", "b.png"], ["b.jpg", "b.png"]),
    ],
)
def test_paths_that_are_clear(tmp_path, photos, capsys, files, names):
    labels = _cvat(tmp_path, *zip(names, ("cat", "dog"), strict=True))
    found = _imported(tmp_path, capsys, labels, "--data", photos(*files))
    assert found == dict(zip(files, ("cat", "dog"), strict=True))


def test_a_name_of_several_files(tmp_path, photos, capsys):
    labels, folder = _cvat(tmp_path, ("a.jpg", "cat")), photos("in/a.jpg", "x/a.jpg")
    assert (
        f"2 files for the image 'a.jpg' in and below {folder}, in/a.jpg and x/a.jpg. Give the "
        "folder of the one that is meant as --data."
    ) in _refused(tmp_path, capsys, labels, "--data", folder)
    assert _imported(tmp_path, capsys, labels, "--data", folder / "x") == {"a.jpg": "cat"}


def test_a_file_serves_one_entry(tmp_path, photos, capsys):
    folder = photos("a.jpg", "b.jpg")
    labels = _cvat(tmp_path, ("x/a.jpg", "dog"), ("b.jpg", "cow"), ("y/a.jpg", "cat"))
    assert (
        f"image x/a.jpg: {folder / 'a.jpg'} is the image of another entry, 'y/a.jpg' ({labels}: "
        "image y/a.jpg), and would be that of 'x/a.jpg': expected one entry an image."
    ) in _refused(tmp_path, capsys, labels, "--data", folder)
    # Nobody knows which of both is right.
    found = _imported(tmp_path, capsys, labels, "--data", folder, "--skip-bad")
    assert found == {"b.jpg": "cow"}


def test_the_entry_that_names_a_file_has_it(tmp_path, photos, capsys):
    folder = photos("in/a.jpg")
    labels = _studio(
        tmp_path,
        ("/data/upload/1/0123abcd-a.jpg", "dog"),
        ("/data/local-files/?d=in/a.jpg", "cat"),
    )
    assert "task 1: " in (text := _refused(tmp_path, capsys, labels, "--data", folder))
    assert f"a.jpg is the image of another entry, 'in/a.jpg' ({labels}: task 2)" in text
    found = _imported(tmp_path, capsys, labels, "--data", folder, "--skip-bad")
    assert found == {"in/a.jpg": "cat"}


def test_an_upload_tells_no_folder(tmp_path, photos, capsys):
    labels = _studio(
        tmp_path,
        ("/data/upload/1/0123abcd-a.jpg", "cat"),
        ("http://host/data/upload/0123abce-b.jpg", "dog"),
    )
    folder = photos("in/a.jpg", "in/0123abce-b.jpg", "x/b.jpg")
    assert _imported(tmp_path, capsys, labels, "--data", folder) == {
        "in/a.jpg": "cat",
        "in/0123abce-b.jpg": "dog",
    }


def test_labelme_in_folders(tmp_path, photos, capsys):
    folder = photos("day1/001.jpg", "day2/001.jpg")
    _labelme(folder / "day1", "001.jpg", "cat")
    _labelme(folder / "day2", "..\\day2\\001.jpg", "dog")
    expected = {"day1/001.jpg": "cat", "day2/001.jpg": "dog"}
    assert _imported(tmp_path, capsys, folder) == expected
    photos("003.jpg")
    _labelme(folder, "003.jpg", "cow")
    assert _imported(tmp_path, capsys, folder, "--exist-ok") == {"003.jpg": "cow", **expected}


def test_labelme_apart_from_its_images(tmp_path, photos, capsys):
    images = ("--data", photos("day1/001.jpg", "day2/001.jpg"))
    _labelme(tmp_path / "lm/day1", "001.jpg", "cat")
    one = _labelme(tmp_path / "lm/day2", "../../photos/day2/001.jpg", "dog")
    expected = {"day1/001.jpg": "cat", "day2/001.jpg": "dog"}
    assert _imported(tmp_path, capsys, tmp_path / "lm", *images) == expected
    assert _imported(tmp_path, capsys, one, *images, "--exist-ok") == {"day2/001.jpg": "dog"}


def test_a_file_of_labelme_means_the_image_beside(tmp_path, photos, capsys):
    folder = photos("day2/001.jpg")
    one = _labelme(folder / "day1", "001.jpg")
    for file in (folder, one):
        text = _refused(tmp_path, capsys, file, "--data", folder)
        assert f"{one}: no file for the image " in text
        assert "; day2/001.jpg is in another folder." in text


def test_a_data_set_may_keep_labelme_s_files(tmp_path, photos, capsys):
    root = tmp_path / "set"
    assert call(
        "import", _cvat(tmp_path, ("a.jpg", "cat")), "--data", photos("a.jpg"), "--out", root
    ) == 0  # fmt: skip
    _labelme(root / "before", "a.jpg")
    out = tmp_path / "yolo"
    assert call("export", root, "--split", "all", "--to", "yolo", "--out", out) == 0
