"""Labels beside plain images that are not read: told by `check`, and where training finds none."""

import json
import shutil

import numpy as np
import pytest
from builders import save_image, texture, voc_object, voc_xml

from detect.data import open_dataset
from detect.errors import DataError, UsageError
from detect.progress import SILENT
from detect.stages import check
from detect.stages.train import train

OBJECT = voc_xml("a.jpg", (96, 128), [voc_object("cat", (1, 1, 20, 20))])
SUPERVISELY = "Supervisely's annotations, which are not read: export COCO, VOC or YOLO"
VIA = "the VGG Image Annotator's project, which is not read: export COCO"
CSV = "boxes as CSV, which are not read: export COCO, VOC or YOLO"
APART = (
    "VOC's XML apart from its image: put each beside its image, or all into annotations/ and the "
    "images into images/"
)
SEEN = {
    "a.json": (
        json.dumps({"version": "5", "shapes": [], "imagePath": "a.jpg"}),
        "LabelMe's files: detect import FOLDER out=SET makes a data set of it",
    ),
    "a.txt": (
        "0 0.5 0.5 0.25 0.25",
        "YOLO's labels without names: add data.yaml or classes.txt (one a line)",
    ),
    "labels.csv": ("filename,width,height,class,xmin,ymin,xmax,ymax\n", CSV),
    "via.csv": ("filename,region_count,region_shape_attributes,region_attributes\n", CSV),
    "via.json": ('{"_via_settings": {}, "_via_img_metadata": {}}', VIA),
    "export.json": (
        '[{"id": 1, "annotations": [], "data": {"image": "a.jpg"}}]',
        "Label Studio's export: detect import FILE data=IMAGES out=SET makes a data set of it",
    ),
    "xml/a.xml": (OBJECT, APART),
    "ann/a.jpg.json": ('{"objects": [{"classTitle": "cat"}]}', SUPERVISELY),
    "meta.json": ('{"classes": [{"title": "cat", "shape": "rectangle"}], "tags": []}', SUPERVISELY),
}


@pytest.fixture
def photos(tmp_path):
    for seed, name in enumerate("abc"):
        save_image(tmp_path / f"{name}.jpg", texture(np.random.default_rng(seed), (96, 128)))
    (tmp_path / "aa.json").write_text('{"camera": "of no interest"}')
    return tmp_path


def put(folder, name, text):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)


@pytest.mark.parametrize("name", SEEN)
def test_labels_beside_plain_images_are_told(photos, name):
    text, said = SEEN[name]
    put(photos, name, text)
    (finding,) = check(photos, reporter=SILENT).findings
    assert (finding.kind, finding.level) == ("unread-labels", "warning")
    assert finding.text == f"{photos}: Seen there: {name}, {said}"
    with pytest.raises(UsageError) as caught:
        train(photos, out=photos.parent / "out", reporter=SILENT)
    assert str(caught.value).endswith(f"Splits there: none. Seen there: {name}, {said}.")


def test_photographs_alone_and_archives_of_them_are_nothing_odd(photos):
    put(photos, "photos.zip", "")
    put(photos, "notes.txt", "12 cats")
    put(photos, "album.xml", "<album/>")
    assert check(photos, reporter=SILENT).findings == ()
    with pytest.raises(UsageError, match=r"Splits there: none\.$"):
        train(photos, out=photos.parent / "out", reporter=SILENT)


@pytest.mark.parametrize("name", ["meta.json", "xml/a.xml"])
def test_what_lies_in_a_folder_without_images_is_named(photos, name):
    put(photos, name, SEEN[name][0])
    for path in photos.glob("*.jpg"):
        path.unlink()
    with pytest.raises(DataError) as caught:
        open_dataset(photos)
    assert str(caught.value).endswith(f" Seen there: {name}, {SEEN[name][1]}.")


def test_the_advice_for_xml_files_can_be_followed(photos):
    put(photos, "xml/a.xml", OBJECT)
    (photos / "xml").rename(photos / "annotations")
    (photos / "images").mkdir()
    shutil.move(photos / "a.jpg", photos / "images/a.jpg")
    for name in "bc":
        (photos / f"{name}.jpg").unlink()
    assert len(open_dataset(photos, "all").samples[0].annotations) == 1
