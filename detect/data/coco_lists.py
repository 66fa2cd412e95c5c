"""Which JSON of a COCO set a list of ids means.

Exports number the images of every split alike, Roboflow's from 0: an id may be two pictures.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from detect.data.coco_images import CocoImages
from detect.data.coco_json import CocoJson, Record, parse
from detect.data.coco_places import CocoPlace
from detect.data.image_files import same_picture
from detect.data.split import Skipping
from detect.errors import DataError

# A JSON, what reading it left out, and where its images are.
Found = tuple[CocoJson, Skipping, CocoPlace]


def holding(
    ids: tuple[str, ...], list_path: Path, places: Sequence[CocoPlace], skip_bad: bool
) -> Found:
    """Return the first JSON of `places` that holds all `ids`, with what reading it left out.

    DataError naming an id where there is none, where a JSON before it cannot be read, and where
    another that can be read means other pictures by them.
    """
    lacking = "; there is none"
    for number, place in enumerate(places, 1):
        skipping = Skipping(skip_bad)
        content = parse(place.json, skipping)
        missing = next((one for one in ids if one not in content.images), None)
        if missing is None:
            found = content, skipping, place
            _check_alone(ids, list_path, found, places[number:])
            return found
        lacking = f"; {place.json.name} has no image {missing}{_meant(missing, content)}"
    raise DataError(f"{list_path}: expected COCO image ids, all of one JSON of the set{lacking}.")


def _meant(word: str, content: CocoJson) -> str:
    """Return the id that `word` is the file's name of, as a hint."""
    for image_id, record in content.images.items():
        file = PurePosixPath(str(record.get("file_name", "")).replace("\\", "/"))
        if word in (file.as_posix(), file.name, file.with_suffix("").as_posix(), file.stem):
            return f" (that is the name of its file: the image's id is {image_id})"
    return ""


def _check_alone(
    ids: tuple[str, ...], list_path: Path, found: Found, places: Sequence[CocoPlace]
) -> None:
    """Raise DataError where a JSON of `places` holds all `ids` for other pictures than `found`."""
    one, _, own = found
    for place in places:
        try:
            other = parse(place.json, Skipping(True))
        except DataError:
            continue  # Whoever reads its split is told.
        if not all(image_id in other.images for image_id in ids):
            continue
        files = [CocoImages(one, own.folders), CocoImages(other, place.folders)]
        for image_id in ids:
            records = (one.images[image_id], other.images[image_id])
            paths = _paths(zip(files, records, strict=True))
            if paths and not same_picture(*paths):
                raise DataError(
                    f"{list_path}: image {image_id} is {paths[0]} in {one.path}, and {paths[1]} in "
                    f"{other.path}: a list of ids does not tell which. Number the images once for "
                    "the whole set, or list those of a copy that has this split alone (detect "
                    "export)."
                )


def _paths(told: Iterable[tuple[CocoImages, Record]]) -> tuple[Path, ...]:
    """Return where JSONs have their records of an image; () if one does not say."""
    try:
        return tuple(images.find(record, False) for images, record in told)
    except DataError:
        return ()
