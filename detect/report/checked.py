"""`detect check`'s page: one self-contained HTML file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from detect.checks.findings import KINDS, Finding, plural
from detect.errors import as_flags
from detect.files import write_text
from detect.report.checked_pictures import picture_url
from detect.report.checked_template import PAGE

_LINES = 200  # of each kind; all stand in check.json


def write_page(
    path: Path,
    data: Path,
    splits: Mapping[str, Mapping[str, int]],
    objects: Mapping[str, Mapping[str, int]],
    found: Mapping[str, Sequence[Finding]],
    pictures: int,
) -> None:
    """Write the page on the findings `found` by kind, with at most `pictures` of each.

    `splits` holds images, objects and left_out by name, `objects` counts by class and split.
    Raises what `files.writing` does.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    levels = ("error", "warning", "note")
    counts = {
        level: sum(len(f) for k, f in found.items() if KINDS[k].level == level) for level in levels
    }
    text = environment.from_string(PAGE).render(
        name=data.resolve().name,
        data=str(data),
        counts=[(level, plural(counts[level], level), counts[level]) for level in levels],
        splits=[(name or "(all)", one) for name, one in splits.items()],
        classes=_classes(objects),
        split_names=list(splits),
        kinds=[_kind(kind, findings, pictures) for kind, findings in found.items()],
    )
    write_text(path, text)


def _classes(objects: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    largest = max((max(counts.values(), default=0) for counts in objects.values()), default=0)
    return [
        {
            "name": name,
            "counts": list(counts.values()),
            "width": round(100 * max(counts.values(), default=0) / max(largest, 1), 1),
        }
        for name, counts in objects.items()
    ]


def _kind(kind: str, findings: Sequence[Finding], pictures: int) -> dict[str, Any]:
    known = KINDS[kind]
    return {
        "key": kind,
        "level": known.level,
        "title": known.title,
        "remedy": as_flags(known.remedy),
        "count": len(findings),
        "lines": [as_flags(one.marked) for one in findings[:_LINES]],
        "pictures": list(_pictures(findings, pictures)),
    }


def _pictures(findings: Sequence[Finding], most: int) -> Iterable[tuple[str, str, bool]]:
    """Yield data URL, caption and whether it is wide of the oddest, each of other images."""
    drawn = 0
    shown: set[str] = set()
    for finding in findings:
        ids = {seen.sample.image_id for seen in finding.images}
        if drawn == most or not ids or ids <= shown:
            continue
        url = picture_url(finding)
        if url is not None:
            yield url, as_flags(finding.marked), len(finding.images) > 1
            shown |= ids
            drawn += 1
