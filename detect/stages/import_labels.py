"""Labels of annotation programs as a COCO data set."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from detect.errors import UsageError, option
from detect.locks import holding
from detect.progress import Reporter
from detect.stages.opening import check_out, usable
from detect.together import together

if TYPE_CHECKING:
    from detect.data.foreign_labels import Labelled
    from detect.stages.import_boxes import ImportOptions
    from detect.storage.given import Kind
    from detect.structures import Dataset


def import_labels(
    options: "ImportOptions", kind: "Kind", reporter: Reporter
) -> tuple["Dataset", int]:
    """Write the labels of `options.file` as a COCO set; return it and how many objects it has.

    The images are in or below `data`, by default the folder of the labels. Raises UsageError for
    options that mean nothing here, DataError for labels and images that are wrong.
    """
    from detect.storage.written_sets import write_coco_set

    for name in options.gave("split", "source", "coordinates"):
        raise UsageError(
            f"{option(name)} means nothing for labels of {kind}, which become a data set of the "
            "split all. Leave it out."
        )
    with holding(options.out, reporter):
        check_out(options.out, exist_ok=options.exist_ok)
        dataset = _open(options, kind)
        dataset = usable(dataset, reporter, skip_bad=options.skip_bad)
        with together(options.out) as folder:
            samples = reporter.track(dataset.samples, len(dataset), "copying images")
            count, _ = write_coco_set(folder, dataset, samples, options.out)
    return dataset, count


def _open(options: "ImportOptions", kind: "Kind") -> "Dataset":
    from detect.data import cvat, label_studio, labelme
    from detect.data.foreign_labels import Images, to_dataset
    from detect.data.split import Skipping

    readers: dict[str, Callable[[Path, Skipping], list[Labelled]]] = {
        "CVAT": cvat.read,
        "LabelMe": labelme.read,
        "Label Studio": label_studio.read,
    }
    file, skipping = options.file, Skipping(options.skip_bad)
    found = readers[kind](file, skipping)
    images = Images(options.data or (file if file.is_dir() else file.parent))
    return to_dataset(found, images, kind, file, skipping)
