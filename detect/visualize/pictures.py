"""Pictures of ground truth, of proposals and of detections."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from detect.boxes import Doubles
from detect.structures import SHOWN, Annotations, Detections, Image, IntArray, Proposals
from detect.visualize.canvas import Canvas, Entry, printable
from detect.visualize.colours import PALETTE, VERDICTS, Style, class_colour
from detect.visualize.verdicts import verdicts

_DIFFICULT_DASH = (5.0, 4.0)
_CROWD_DASH = (2.0, 2.0)


def draw_ground_truth(image: Image, annotations: Annotations, classes: Sequence[str]) -> Image:
    """Draw the objects on a copy of `image` (H, W, 3), coloured by class -> picture (H', W', 3).

    Difficult objects are dashed, crowd regions dotted. Images under 640 px are enlarged by a
    whole number, and a legend strip is added below.
    """
    canvas = Canvas(image)
    styles = [_truth_style(annotations, index) for index in range(len(annotations))]
    for index in _large_first(annotations.boxes):
        canvas.box(annotations.boxes[index], styles[index])
    for index in range(len(annotations)):
        names = [_name(classes, annotations.labels[index])]
        canvas.label(annotations.boxes[index], names, styles[index])
    entries = _class_entries(annotations.labels, classes) or [(None, "no objects")]
    entries += _flag_entries(annotations)
    return canvas.finish(entries + _notes(canvas))


def draw_proposals(image: Image, proposals: Proposals, limit: int = 100) -> Image:
    """Draw the `limit` best proposals on a copy of `image` (H, W, 3) -> picture (H', W', 3).

    Coloured by source. Scores of two sources do not compare, so the best of each are taken in
    turn. Enlargement and legend as in `draw_ground_truth`.
    """
    canvas = Canvas(image)
    names = list(dict.fromkeys(proposals.sources.tolist()))
    colours = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(names)}
    drawn = proposals.take(_best_in_turn(proposals)[:limit])
    for box, source in zip(drawn.boxes, drawn.sources, strict=True):
        canvas.box(box, Style(colours[str(source)], opacity=0.8, width=0.5, edged=False))
    counts, total = Counter(drawn.sources.tolist()), Counter(proposals.sources.tolist())
    entries: list[Entry] = [
        (Style(colours[name]), f"{name}: best {counts[name]} of {total[name]:,}") for name in names
    ]
    return canvas.finish((entries or [(None, "no proposals")]) + _notes(canvas))


def draw_detections(
    image: Image,
    detections: Detections,
    classes: Sequence[str],
    annotations: Annotations | None = None,
    threshold: float | Mapping[str, float] = 0.5,
    iou: float = 0.5,
) -> Image:
    """Draw the detections that score `threshold` or more on a copy of `image` -> (H', W', 3).

    That is one score for all classes, or one for each by its name.

    With `annotations`, right, wrong, duplicate and missed are told apart by colour and by line
    (VOC's matching at `iou`, verdicts.py); without, colours tell the class. Enlargement and
    legend as in `draw_ground_truth`.
    """
    keep = np.flatnonzero(detections.scores >= _lowest(detections, classes, threshold))
    keep = keep[np.argsort(-detections.scores[keep], kind="stable")]
    drawn = detections.take(keep)
    lower = len(detections) - len(drawn)
    said = "its class's" if isinstance(threshold, Mapping) else f"{threshold:g}"
    note: Entry = (None, f"score ≥ {said}" + (f", {lower} lower not drawn" if lower else ""))
    canvas = Canvas(image)
    if annotations is None:
        entries = _draw_by_class(canvas, drawn, classes)
    else:
        entries = _draw_judged(canvas, drawn, classes, annotations, iou)
    return canvas.finish([*entries, note, *_notes(canvas)])


def _lowest(
    detections: Detections, classes: Sequence[str], threshold: float | Mapping[str, float]
) -> Doubles | float:
    """Return the lowest score drawn, of each detection (N,) where it is its class's."""
    if not isinstance(threshold, Mapping):
        return threshold
    every = np.array([threshold.get(name, SHOWN) for name in classes])
    return np.asarray(every[detections.labels])


def _draw_by_class(canvas: Canvas, detections: Detections, classes: Sequence[str]) -> list[Entry]:
    styles = [Style(class_colour(int(label))) for label in detections.labels]
    _draw_detections(canvas, detections, classes, styles)
    return _class_entries(detections.labels, classes) or [(None, "nothing detected")]


def _draw_judged(
    canvas: Canvas,
    detections: Detections,
    classes: Sequence[str],
    annotations: Annotations,
    iou: float,
) -> list[Entry]:
    """Draw detections by verdict and the missed objects; return the legend."""
    results, detected = verdicts(detections, annotations, iou)
    missed = np.flatnonzero(~detected)
    kinds = np.where(annotations.difficult[missed], "missed, difficult", "missed")
    for index, kind in zip(missed, kinds, strict=True):
        canvas.box(annotations.boxes[index], VERDICTS[str(kind)])
    _draw_detections(canvas, detections, classes, [VERDICTS[str(result)] for result in results])
    for index, kind in zip(missed, kinds, strict=True):
        name = _name(classes, annotations.labels[index])
        canvas.label(annotations.boxes[index], [name], VERDICTS[str(kind)])
    counts = Counter([*results.tolist(), *kinds.tolist()])
    always = ("right", "wrong", "missed")
    return [
        (style, f"{kind} {counts[kind]}")
        for kind, style in VERDICTS.items()
        if counts[kind] or kind in always
    ]


def _draw_detections(
    canvas: Canvas, detections: Detections, classes: Sequence[str], styles: list[Style]
) -> None:
    """Draw large boxes first, so that small ones stay visible, then label the best first."""
    for index in _large_first(detections.boxes):
        canvas.box(detections.boxes[index], styles[index])
    for index, score in enumerate(detections.scores):
        text = f"{score:.2f}"
        name = _name(classes, detections.labels[index])
        canvas.label(detections.boxes[index], [f"{name} {text}", text], styles[index])


def _truth_style(annotations: Annotations, index: int) -> Style:
    colour = class_colour(int(annotations.labels[index]))
    if annotations.crowd[index]:
        return Style(colour, dash=_CROWD_DASH)
    return Style(colour, dash=_DIFFICULT_DASH if annotations.difficult[index] else ())


def _name(classes: Sequence[str], label: int) -> str:
    return printable(classes[label], int(label))


def _large_first(boxes: np.ndarray) -> list[int]:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return [int(index) for index in np.argsort(-sides.prod(axis=1), kind="stable")]


def _best_in_turn(proposals: Proposals) -> IntArray:
    """Return indices (N,): the best of every source, then the second best of every source, ..."""
    ranks = np.zeros(len(proposals), np.int64)
    for name in set(proposals.sources.tolist()):
        rows = np.flatnonzero(proposals.sources == name)
        ranks[rows] = np.arange(len(rows))
    return np.argsort(ranks, kind="stable")


def _class_entries(labels: IntArray, classes: Sequence[str]) -> list[Entry]:
    counts = Counter(labels.tolist())
    return [
        (Style(class_colour(label)), f"{_name(classes, label)} {counts[label]}")
        for label in sorted(counts)
    ]


def _flag_entries(annotations: Annotations) -> list[Entry]:
    grey = (110, 110, 110)
    flags = (("difficult", annotations.difficult, _DIFFICULT_DASH),)
    all_flags = (*flags, ("crowd", annotations.crowd, _CROWD_DASH))
    return [
        (Style(grey, dash=dash), f"{name} {int(mask.sum())}")
        for name, mask, dash in all_flags
        if mask.any()
    ]


def _notes(canvas: Canvas) -> list[Entry]:
    """Return what a reader of the picture must know about how it was drawn."""
    notes: list[Entry] = []
    if canvas.labels_left_out:
        notes.append((None, f"no room for the labels of {canvas.labels_left_out}"))
    if canvas.scale > 1:
        notes.append((None, f"enlarged {canvas.scale:g} times"))
    if canvas.scale < 1:
        notes.append((None, f"reduced {1 / canvas.scale:.3g} times"))
    return notes
