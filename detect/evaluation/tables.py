"""Scores as lines of text for people: aligned columns, percentages to one decimal."""

from collections.abc import Mapping, Sequence

from detect.evaluation.figures import Advice, ProtocolScore, Recalls, RecallScores

# Budgets and IoUs of a recall report that are printed; the JSON has all of them.
_IOUS = ("0.50", "0.70", "0.90")
_SOURCE_IOUS = ("0.50", "0.70")


def score_lines(scores: Mapping[str, ProtocolScore], *, per_class: bool = False) -> list[str]:
    """Return the table of `scores` by protocol: mAP, and every class if `per_class`."""
    rows = [["protocol", "mAP", "mAP 50-95", "classes"]]
    for protocol, entry in scores.items():
        average = "" if entry.map_50_95 is None else _percent(entry.map_50_95)
        counted, total = len(entry.per_class), len(entry.per_class) + len(entry.skipped)
        rows.append([protocol, _percent(entry.map), average, f"{counted} of {total}"])
    lines = align(rows)
    if per_class:
        lines += ["", *align(_class_rows(scores))]
    return [*lines, *_skipped_lines(scores)]


def _class_rows(scores: Mapping[str, ProtocolScore]) -> list[list[str]]:
    """Return a row a class; "1-2" objects where protocols count differently."""
    entries = [entry.per_class for entry in scores.values()]
    most_first = sorted(entries, key=len, reverse=True)
    names = list(dict.fromkeys(name for entry in most_first for name in entry))
    rows = [["class", "objects", "detections", *(f"AP {protocol}" for protocol in scores)]]
    for name in names:
        found = [entry[name] for entry in entries if name in entry]
        counts = sorted({one.positives for one in found})
        objects = "-".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        values = [_percent(entry[name].ap) if name in entry else "-" for entry in entries]
        rows.append([name, objects, str(found[0].detections), *values])
    return rows


def _skipped_lines(scores: Mapping[str, ProtocolScore]) -> list[str]:
    """Return a line for each set of classes left out, with the protocols that do so."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for protocol, entry in scores.items():
        groups.setdefault(entry.skipped, []).append(protocol)
    return [
        f"skipped, no object counts ({', '.join(protocols)}): {', '.join(names)}"
        for names, protocols in groups.items()
        if names
    ]


def recall_lines(scores: RecallScores, *, per_class: bool = False) -> list[str]:
    """Return the table of one proposals file: a row a budget, then groups and sources."""
    head = (
        f"{scores.images} images, {scores.objects} objects, "
        f"{scores.boxes_per_image:.1f} boxes an image"
    )
    recalls = [f"recall {iou}" for iou in _IOUS]
    rows = [["budget", "boxes", *recalls, "AR", "AR coco", "coverage 0.50"]]
    for budget in scores.recall:
        rows.append([budget, f"{scores.boxes[budget]:.1f}", *_shares(scores, budget)])
    lines = [head, *align(rows), "", *align(_group_rows(scores, per_class=per_class))]
    lines += ["", *align(_source_rows(scores))]
    if per_class and len(scores.per_source) > 1:
        lines += ["", *align(_source_class_rows(scores))]
    return lines


def _group_rows(scores: RecallScores, *, per_class: bool) -> list[list[str]]:
    """Return a row a group of objects, all boxes of an image counted, and the classes' mean."""
    plain = scores.without_difficult
    groups = {"not difficult": plain} if plain else {}
    groups |= scores.per_size
    groups |= scores.per_class if per_class else {}
    recalls = [f"recall {iou}" for iou in _IOUS]
    rows = [["all boxes", "objects", *recalls, "AR", "AR coco", "coverage 0.50"]]
    for name, group in groups.items():
        rows.append([name, str(group.objects), *_shares(group, "all")])
    mean = scores.class_mean
    return [*rows, [f"mean of {mean.classes} classes", "", *_shares(mean, "all")]]


def _source_rows(scores: RecallScores) -> list[list[str]]:
    """Return a row a source: what it covers alone, what no other does; several: also together."""
    columns = [f"{iou} {what}" for iou in _SOURCE_IOUS for what in ("alone", "by no other")]
    rows = [["coverage by source", "boxes", *columns]]
    for name, entry in scores.per_source.items():
        both = [share[iou] for iou in _SOURCE_IOUS for share in (entry.alone, entry.only)]
        rows.append([name, f"{entry.boxes_per_image:.1f}", *map(_percent, both)])
    if len(rows) < 3:
        return rows
    together = [_percent(scores.coverage["all"][iou]) for iou in _SOURCE_IOUS]
    boxes = f"{scores.boxes_per_image:.1f}"
    return [*rows, ["together", boxes, together[0], "", together[1], ""]]


def _source_class_rows(scores: RecallScores) -> list[list[str]]:
    """Return a row a class: what each source covers of it alone, what no other does, together."""
    sources = scores.per_source
    columns = [f"{name} {what}" for name in sources for what in ("alone", "only")]
    rows = [["coverage 0.50", "objects", *columns, "together"]]
    for name, group in scores.per_class.items():
        entries = [entry.per_class[name] for entry in sources.values()]
        both = [share["0.50"] for entry in entries for share in (entry.alone, entry.only)]
        together = group.coverage["all"]["0.50"]
        rows.append([name, str(group.objects), *map(_percent, (*both, together))])
    return rows


def _shares(recalls: Recalls, budget: str) -> list[str]:
    """Return the columns that groups and budgets share."""
    average = recalls.average_recall[budget]
    shares = [recalls.recall[budget][iou] for iou in _IOUS]
    shares += [average.hosang, average.coco, recalls.coverage[budget]["0.50"]]
    return [*map(_percent, shares)]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def advice_line(name: str, advice: Advice) -> str:
    """Return `advice` on the file `name` as a line."""
    boxes, seconds = advice.boxes_per_image, f"{advice.seconds_per_image:.3g} s"
    if not advice.reached:
        most = f"at most {100 * advice.coverage:.2f} % with all {boxes:.1f} boxes an image"
        return f"{name}: not reached: {most} ({seconds})"
    parts = [
        f"{entry.boxes_per_image:.1f} of {source} (the first {entry.first} an image)"
        if entry.first
        else f"none of {source}"
        for source, entry in advice.sources.items()
    ]
    return f"{name}: {boxes:.1f} boxes an image ({seconds}): {', '.join(parts)}"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return `rows` with columns as wide as their longest entry: the first left, others right."""
    return ["  ".join(row).rstrip() for row in _padded(rows)]


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return `rows`, the first of them the head, as a Markdown table aligned as by `align`."""
    head, *body = _padded(rows)
    rule = ["-" * len(head[0]), *("-" * (len(entry) - 1) + ":" for entry in head[1:])]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *body)]


def _padded(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [row[0].ljust(widths[0])]
        + [entry.rjust(width) for entry, width in zip(row[1:], widths[1:], strict=True)]
        for row in rows
    ]
