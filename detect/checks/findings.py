"""The kinds of what is found, in the order they are told, and one finding."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from detect.errors import as_arguments, option
from detect.structures import Sample

# error: training, or another command on that split, stops at it or cannot learn from it.
Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Kind:
    """What several findings have in common: how bad it is, its title, and what to do."""

    level: Level
    title: str
    remedy: str


@dataclass(frozen=True, eq=False)
class Seen:
    """One image of the set, the `splits` that list it, and the class names of its labels."""

    sample: Sample
    splits: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return how a line names it: "000012 (train)"."""
        splits = ", ".join(filter(None, self.splits))
        return f"{self.sample.image_id} ({splits})" if splits else self.sample.image_id


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that is wrong or odd: its kind (a key of KINDS), and a line about it, `marked`.

    In that options are marked (errors.py); `text` is for a caller in Python. `images` it is about,
    `objects` places in the annotations of the first of them, `box` x1, y1, x2, y2 px of what is no
    object of it; `files` that are no images of the set; `oddness`: of a kind the highest is told
    first; `label` the class that a detection takes it for.
    """

    kind: str
    marked: str
    images: tuple[Seen, ...] = ()
    objects: tuple[int, ...] = ()
    files: tuple[Path, ...] = ()
    box: tuple[float, ...] | None = None
    oddness: float = 0.0
    label: int | None = None

    @property
    def text(self) -> str:
        """The line, its options as Python spells them."""
        return as_arguments(self.marked)

    @property
    def level(self) -> Level:
        """How bad it is."""
        return KINDS[self.kind].level


_LEAVE_OUT = f"or leave the images out with {option('skip_bad')}"
_ONE_COPY = "Keep one of them in the lists."

KINDS: dict[str, Kind] = {
    "split": Kind("error", "splits that cannot be read", "Correct what is named."),
    "missing": Kind(
        "error", "listed images that are missing", f"Put the files there, {_LEAVE_OUT}."
    ),
    "unreadable": Kind(
        "error", "images that cannot be read", f"Get the files again, {_LEAVE_OUT}."
    ),
    "annotation": Kind(
        "error", "images and annotations that cannot be used", f"Correct them, {_LEAVE_OUT}."
    ),
    "size-exif": Kind(
        "error",
        "annotations that ignore the EXIF rotation",
        "Remove the rotation tag from these files, so that they lie as they were labelled, or "
        "label them upright.",
    ),
    "size-swapped": Kind(
        "error", "width and height swapped", "Correct the one that is said to be wrong."
    ),
    "size-scaled": Kind(
        "error",
        "images of another scale than their annotation",
        "Put the labelled images back, or multiply the boxes by the factor and correct the size.",
    ),
    "size": Kind(
        "error",
        "images of another size than their annotation says",
        "Correct the size if the boxes fit the image; find the labelled image if they do not.",
    ),
    "fractions": Kind(
        "error",
        "boxes in fractions of the image instead of pixels",
        "Multiply x by the image's width and y by its height.",
    ),
    "outside": Kind("error", "boxes that leave their image", f"Correct them, {_LEAVE_OUT}."),
    "flat": Kind("error", "boxes without area", f"Correct or remove them, {_LEAVE_OUT}."),
    "no-objects": Kind(
        "error",
        "splits without an object that counts",
        "Label some images, or name another split. Difficult and crowd objects do not count.",
    ),
    "unread-labels": Kind(
        "warning",
        "labels that are not read",
        "Do as it says, or nothing if the pictures alone are wanted.",
    ),
    "leak": Kind(
        "warning",
        "the same picture in several splits",
        "Take it out of all but one list, or what is measured on one split was learned on another.",
    ),
    "same-file": Kind("warning", "one file under several ids", _ONE_COPY),
    "identical": Kind("warning", "files that are the same, byte for byte", _ONE_COPY),
    "alike": Kind(
        "warning",
        "pictures that are nearly the same",
        "Keep them in one split; cut lists by what was photographed, not picture by picture.",
    ),
    "doubled": Kind("warning", "objects labelled twice", "Remove one of the boxes."),
    "two-classes": Kind(
        "warning", "one box with two classes", "Keep the class that is right, if only one can be."
    ),
    "tiny": Kind(
        "warning",
        "objects too small for Selective Search",
        f"Propose with a smaller {option('min_side')} or by MultiBox, take larger images, or leave "
        "them unlabelled.",
    ),
    "exif": Kind(
        "warning",
        "rotated by EXIF",
        "Look whether the boxes lie right on the upright picture. If they do not, remove the "
        "rotation tag from these files.",
    ),
    "names": Kind(
        "warning",
        "class names that are hard to tell apart",
        "Give both the same name if they are one class.",
    ),
    "few": Kind("warning", "classes with few objects", "Label more of them, or leave them out."),
    "absent": Kind(
        "warning",
        "classes without an object in a split",
        "Cut the lists again, as by detect split: what is not there is neither learned nor scored.",
    ),
    "doubt-unlabelled": Kind(
        "warning", "detected, and nothing is labelled there", "Label it if it is one."
    ),
    "doubt-class": Kind(
        "warning", "detected as another class than the label's", "Correct the label if it is wrong."
    ),
    "doubt-nothing": Kind(
        "note",
        "labelled, and nothing is detected there",
        "Look whether the label is right; small and hidden objects are missed as well.",
    ),
    "unused": Kind(
        "note", "classes without an object anywhere", "Take them off the list, or label some."
    ),
    "empty": Kind(
        "note",
        "images without an object",
        "They are all background. Label them if they show something.",
    ),
    "ignored": Kind(
        "note",
        "objects that do not count",
        "Difficult objects and crowd regions are neither positive nor negative.",
    ),
    "encoding": Kind(
        "note", "unusual files, which are converted when read", "Nothing, if the picture is right."
    ),
    "unlisted": Kind(
        "note", "images that no split lists", "Add their ids to a list if they belong to the set."
    ),
    "unread": Kind(
        "note", "pictures in formats that are not read", "Save them as JPEG or PNG to use them."
    ),
}


def sentence(names: list[str], most: int = 5) -> str:
    """Return `names` in a row, those beyond `most` counted."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def plural(count: int, noun: str) -> str:
    """Return "1 object", "2 objects", "3 classes"."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"
