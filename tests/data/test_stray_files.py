"""Files of other programs in a data set: what makes a layout, what does not, and how it is told."""

import json
import shutil

import foreign
import numpy as np
import pytest
from builders import save_image, texture, voc_object, voc_xml, write_coco, write_voc

from detect.data import open_dataset
from detect.errors import DataError
from detect.progress import SILENT
from detect.stages import check

GDAL = "<PAMDataset><Metadata/></PAMDataset>"
ALBUM = "<?xml version='1.0'?><!-- <annotation> --><album><title>x</title></album>"


def photo(path):
    save_image(path, texture(np.random.default_rng(0), (48, 64)))
    return path


@pytest.fixture
def yolo(tmp_path):
    photo(tmp_path / "images/a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    return tmp_path


def test_label_studio_s_notes_make_no_coco_set(yolo):
    notes = {"categories": [{"id": 0, "name": "cat"}], "info": {"contributor": "Label Studio"}}
    (yolo / "notes.json").write_text(json.dumps(notes))
    (yolo / "list.json").write_text('[{"images": [], "annotations": []}]')
    assert open_dataset(yolo, "all").layout == "yolo"
    (yolo / "notes.json").write_text(json.dumps({**notes, "images": [], "annotations": []}))
    with pytest.raises(DataError) as caught:
        open_dataset(yolo, "all")
    assert str(caught.value) == (
        f"{yolo}: two layouts in one folder, COCO (images/, annotations/instances_SPLIT.json, or "
        "SPLIT/_annotations.coco.json) by notes.json and YOLO (data.yaml, labels/*.txt) by "
        "classes.txt. Part them: move what belongs to one into another folder."
    )


@pytest.mark.parametrize("missing", [1, 700])
def test_what_check_writes_into_a_set_is_no_set(tmp_path, missing):
    root = write_voc(tmp_path, {"train": 3})
    lines = ["train_000", *(f"gone_{number}" for number in range(missing))]
    (root / "ImageSets/Main/train.txt").write_text("\n".join(lines))
    check(root, json=root / "check.json", reporter=SILENT)
    assert ((root / "check.json").stat().st_size > 2**16) == (missing > 1)
    assert len(open_dataset(root, "train", skip_bad=True)) == 1


@pytest.mark.parametrize("first", ["images", "annotations", "categories"])
def test_a_large_json_is_known_by_either_end(tmp_path, first):
    splits = foreign.coco(tmp_path)
    path = tmp_path / "annotations/instances_train.json"
    content = json.loads(path.read_text())
    content["info"] = {"notes": "x" * 10**6}
    keys = sorted(content, key=lambda key: (key != first, key != "info", key))
    foreign.move(path, tmp_path / "annotations/mine.json")
    (tmp_path / "annotations/mine.json").write_text(json.dumps({key: content[key] for key in keys}))
    (tmp_path / "annotations/instances_val.json").unlink()
    found = open_dataset(tmp_path, "mine")
    assert [one.path for one in found.samples] == [one.path for one in splits["train"].samples]


def test_an_xml_of_another_kind_makes_no_voc_set(yolo):
    (yolo / "images/a.jpg.aux.xml").write_text(GDAL)
    (yolo / "images/album.xml").write_text(ALBUM)
    assert open_dataset(yolo, "all").layout == "yolo"
    (yolo / "images/b.xml").write_text("<?xml version='1.0'?>\n<annotation xmlns='x'></annotation>")
    with pytest.raises(DataError, match=r"VOC .* by images/b\.xml and YOLO .* by classes\.txt\."):
        open_dataset(yolo, "all")


def test_a_folder_of_photographs_with_an_album_is_plain(tmp_path):
    photo(tmp_path / "a.jpg")
    (tmp_path / "album.xml").write_text(ALBUM)
    assert open_dataset(tmp_path).layout == "folder"
    (tmp_path / "a.xml").write_text(ALBUM)
    with pytest.raises(DataError, match=r"a\.xml: the XML begins with <album>"):
        open_dataset(tmp_path, "all")


@pytest.mark.parametrize("flat", [False, True])
def test_gdal_s_files_are_no_annotations(tmp_path, flat):
    splits = foreign.voc(tmp_path)
    if flat:
        foreign.to_flat(tmp_path, splits)
    folder = tmp_path / ("train" if flat else "Annotations")
    shutil.rmtree(tmp_path / "ImageSets", ignore_errors=True)
    before = open_dataset(tmp_path, "train" if flat else "all").listed
    (folder / "train_000.jpg.aux.xml").write_text(GDAL)
    assert open_dataset(tmp_path, "train" if flat else "all").listed == before


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_annotation_is_known_in_every_encoding(tmp_path, encoding):
    photo(tmp_path / "a.jpg")
    text = voc_xml("a.jpg", (48, 64), [voc_object("cat", (1, 1, 20, 20))])
    head = f"<?xml version='1.0' encoding='{encoding.removesuffix('-sig')}'?><!-- a > b -->"
    (tmp_path / "b.xml").write_text(head + text, encoding=encoding)
    with pytest.raises(DataError, match=r"a\.xml: a listed image has no such annotation"):
        open_dataset(tmp_path, "all")
    (tmp_path / "b.xml").rename(tmp_path / "a.xml")
    assert len(open_dataset(tmp_path, "all").samples[0].annotations) == 1


def test_a_folder_called_all_is_a_split(tmp_path):
    splits = foreign.voc(tmp_path)
    foreign.to_flat(tmp_path, splits)
    (tmp_path / "train").rename(tmp_path / "all")
    assert len(open_dataset(tmp_path, "all")) == 3


def test_a_broken_json_of_coco_is_told(tmp_path):
    write_coco(tmp_path, {"train": 2})
    path = tmp_path / "annotations/instances_train.json"
    text = path.read_text()
    path.rename(tmp_path / "annotations/mine.json").write_text(text[:-10])
    with pytest.raises(DataError, match=r"mine\.json: not valid JSON"):
        open_dataset(tmp_path, "mine")
