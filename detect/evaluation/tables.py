"""Scores as lines of text for people: aligned columns, percentages to one decimal."""

from collections.abc import Sequence
from typing import Any

# Budgets and IoUs of a recall report that are printed; the JSON has all of them.
_IOUS = ("0.50", "0.70", "0.90")


def score_lines(scores: dict[str, Any], *, per_class: bool = False) -> list[str]:
    """Return the table of `evaluate`'s result: mAP by protocol, by class if `per_class`."""
    rows = [["protocol", "mAP", "mAP 50-95", "classes"]]
    for protocol, entry in scores.items():
        average = _percent(entry["map_50_95"]) if "map_50_95" in entry else ""
        counted, total = len(entry["per_class"]), len(entry["per_class"]) + len(entry["skipped"])
        rows.append([protocol, _percent(entry["map"]), average, f"{counted} of {total}"])
    lines = align(rows)
    if per_class:
        lines += ["", *align(_class_rows(scores))]
    return [*lines, *_skipped_lines(scores)]


def _class_rows(scores: dict[str, Any]) -> list[list[str]]:
    """Return a row a class; "1-2" objects where protocols count differently."""
    entries = [entry["per_class"] for entry in scores.values()]
    most_first = sorted(entries, key=len, reverse=True)
    names = list(dict.fromkeys(name for entry in most_first for name in entry))
    rows = [["class", "objects", "detections", *(f"AP {protocol}" for protocol in scores)]]
    for name in names:
        found = [entry[name] for entry in entries if name in entry]
        counts = sorted({one["positives"] for one in found})
        objects = "-".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        values = [_percent(entry[name]["ap"]) if name in entry else "-" for entry in entries]
        rows.append([name, objects, str(found[0]["detections"]), *values])
    return rows


def _skipped_lines(scores: dict[str, Any]) -> list[str]:
    """Return a line for each set of classes left out, with the protocols that do so."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for protocol, entry in scores.items():
        groups.setdefault(tuple(entry["skipped"]), []).append(protocol)
    return [
        f"skipped, no object counts ({', '.join(protocols)}): {', '.join(names)}"
        for names, protocols in groups.items()
        if names
    ]


def recall_lines(report: dict[str, Any], *, per_class: bool = False) -> list[str]:
    """Return the table of `recall_report`'s result: a row a budget, then sources and groups."""
    head = (
        f"{report['images']} images, {report['objects']} objects, "
        f"{report['boxes_per_image']:.1f} boxes an image"
    )
    recalls = [f"recall {iou}" for iou in _IOUS]
    rows = [["budget", "boxes", *recalls, "AR", "AR coco", "coverage 0.50"]]
    for budget in report["recall"]:
        boxes = f"{report['boxes'][budget]:.1f}"
        rows.append([budget, boxes, *_figures(report, budget)])
    lines = [head, *align(rows), "", *align(_group_rows(report, per_class=per_class))]
    return [*lines, "", *align(_source_rows(report))]


def _group_rows(report: dict[str, Any], *, per_class: bool) -> list[list[str]]:
    """Return a row a group of objects, all boxes of an image counted."""
    plain = report["without_difficult"]
    groups = {"not difficult": plain} if plain else {}
    groups |= report["per_size"]
    groups |= report["per_class"] if per_class else {}
    recalls = [f"recall {iou}" for iou in _IOUS]
    rows = [["all boxes", "objects", *recalls, "AR", "AR coco", "coverage 0.50"]]
    for name, block in groups.items():
        rows.append([name, str(block["objects"]), *_figures(block, "all")])
    return rows


def _source_rows(report: dict[str, Any]) -> list[list[str]]:
    rows = [["source", "boxes", "coverage 0.50 alone", "by no other"]]
    for name, entry in report["per_source"].items():
        shares = [_percent(entry["alone"]["0.50"]), _percent(entry["only"]["0.50"])]
        rows.append([name, f"{entry['boxes_per_image']:.1f}", *shares])
    return rows


def _figures(block: dict[str, Any], budget: str) -> list[str]:
    """Return the columns that groups and budgets share."""
    recalls = [_percent(block["recall"][budget][iou]) for iou in _IOUS]
    average = block["average_recall"][budget]
    means = [_percent(average["hosang"]), _percent(average["coco"])]
    return [*recalls, *means, _percent(block["coverage"][budget]["0.50"])]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return `rows` with columns as wide as their longest entry: the first left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [entry.rjust(width) for entry, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]
