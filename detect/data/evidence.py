"""The file or folder that makes a folder a data set of a layout, for whoever must be told why."""

from pathlib import Path

from detect.data import coco_places, voc_places, yolo_places


def of_voc(root: Path) -> Path:
    """Return the folder of annotations, or the XML file, that makes `root` a VOC set."""
    places = voc_places.find_places(root)
    return root if places is None else places.told_by


def of_coco(root: Path) -> Path:
    """Return the first JSON that makes `root` a COCO set."""
    places = coco_places.find_places(root)
    return next((place.json for place in places.values()), root)


def of_yolo(root: Path) -> Path:
    """Return the file of names that makes `root` a YOLO set."""
    places = yolo_places.find_places(root)
    return root if places is None else places.names_file


def of_imagenet_det(root: Path) -> Path:
    """Return the folder of lists that makes `root` a set as ILSVRC DET's."""
    return root / "ImageSets/DET"
