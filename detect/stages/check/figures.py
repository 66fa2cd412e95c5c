"""All findings as JSON."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from detect.checks.findings import KINDS, Finding
from detect.errors import as_flags
from detect.stages.check.options import CheckResult


def figures(data: Path, result: CheckResult) -> dict[str, Any]:
    """Return what `result` says: splits, objects by class and split, findings by kind."""
    return {
        "data": str(data),
        "images": result.images,
        "stops": result.stops,
        "splits": {name: asdict(summary) for name, summary in result.splits.items()},
        "objects": {name: dict(counts) for name, counts in result.objects.items()},
        "findings": {kind: _kind(kind, found) for kind, found in result.by_kind().items()},
    }


def _kind(kind: str, found: list[Finding]) -> dict[str, Any]:
    known = KINDS[kind]
    return {
        "level": known.level,
        "title": known.title,
        "remedy": as_flags(known.remedy),
        "count": len(found),
        "found": [_finding(one) for one in found],
    }


def _finding(one: Finding) -> dict[str, Any]:
    images = [
        {
            "image_id": seen.sample.image_id,
            "splits": list(seen.splits),
            "file": str(seen.sample.path),
        }
        for seen in one.images
    ]
    ids = [int(one.images[0].sample.annotations.ids[place]) for place in one.objects]
    said: dict[str, Any] = {"text": as_flags(one.marked), "images": images}
    optional = {"objects": ids, "files": list(map(str, one.files)), "box": one.box}
    return said | {key: value for key, value in optional.items() if value}
