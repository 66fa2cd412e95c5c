"""Labels of annotation programs as a COCO data set."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from detect.progress import Reporter
from detect.stages.opening import usable
from detect.together import together

if TYPE_CHECKING:
    from detect.data.named_images import Labelled
    from detect.storage.given import Kind
    from detect.structures import Dataset


def import_labels(
    file: Path, kind: "Kind", images: Path | None, out: Path, *, skip_bad: bool, reporter: Reporter
) -> tuple["Dataset", int]:
    """Write the labels `file` as a COCO set in `out`; return it and how many objects it has.

    The `images` are in or below that folder, by default the one of the labels. Raises DataError
    for labels and images that are wrong.
    """
    from detect.storage.written_sets import write_coco_set

    dataset = usable(_open(file, kind, images, skip_bad), reporter, skip_bad=skip_bad)
    with together(out) as folder:
        samples = reporter.track(dataset.samples, len(dataset), "copying images")
        count, _ = write_coco_set(folder, dataset, samples, out)
    return dataset, count


def _open(file: Path, kind: "Kind", images: Path | None, skip_bad: bool) -> "Dataset":
    from detect.data import cvat, label_studio, labelme
    from detect.data.foreign_labels import to_dataset
    from detect.data.named_images import Images
    from detect.data.split import Skipping

    readers: dict[str, Callable[[Path, Skipping], list[Labelled]]] = {
        "CVAT": cvat.read,
        "LabelMe": labelme.read,
        "Label Studio": label_studio.read,
    }
    skipping = Skipping(skip_bad)
    found = readers[kind](file, skipping)
    folder = images or (file if file.is_dir() else file.parent)
    return to_dataset(found, Images(folder), kind, file, skipping)
