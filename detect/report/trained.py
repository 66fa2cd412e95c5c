"""`detect report` of a detector: what its choices were made on, as one HTML file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2

from detect.files import write_json, write_text
from detect.report.looks import percent
from detect.report.trained_template import PAGE
from detect.storage.recipe import flat
from detect.together import together

_SOURCES = {
    "multibox": "MultiBox alone",
    "both": "halved Selective Search, then what MultiBox adds",
    "selective-search": "R-CNN's Selective Search",
}
_LOOKS = {
    "once": "once",
    "rounds": "once, and where it moved",
    "mirror": "mirrored too",
    "mirror-rounds": "mirrored, and where it moved",
}
_KINDS = {"nms": "NMS", "soft-nms": "soft-NMS"}
# By what follows "-vote" in the name of a selection.
_VOTES = {"": "0.5", "-65": "0.65", "-80": "0.8"}
_PLANS = ("plan", "plan anew", "plan of the end", "pace")
# Of the card what has a place of its own on the page, and hashes.
_SHOWN = ("classes", "networks", "multibox", "thresholds", "figures")


def write_trained(out: Path, name: str, card: Mapping[str, Any], record: Mapping[str, Any]) -> Path:
    """Write index.html and report.json on the detector `name` into `out`; return the page's path.

    `card` as detector.json has it; `record`, "told" and "steps" of its training, which ended.
    Raises what `files.writing` does.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    with together(out) as folder:
        text = environment.from_string(PAGE).render(name=name, **_values(card, record))
        write_json(folder / "report.json", {"detector": card, **record})
        write_text(folder / "index.html", text)
    return out / "index.html"


def _values(card: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    steps = {name: step["result"] for name, step in record["steps"].items()}
    selected = steps["selection"]
    figures = selected["tried"][f"{selected['looks']}/{selected['selection']}"]
    return {
        "headline": [
            (percent(figures["AP50"]), "mAP at IoU 0.5, rules of VOC 2012"),
            (percent(figures["AP"]), "COCO's mean over IoU 0.50 to 0.95"),
            (str(card["figures"].get("images", "?")), "held-out images"),
        ],
        "again": "networks all" in steps,
        "classes": len(card["classes"]),
        "networks": len(card["networks"]),
        "one_trunk": record["told"]["classifier"] == "one-trunk",
        "sources": list(_sources(steps["source"])),
        "regions": list(_regions(steps["regions"])),
        "tried": list(_tried(selected)),
        "thresholds": list(card["thresholds"].items()),
        "seconds": [(name, f"{step['seconds']:,.0f}") for name, step in record["steps"].items()],
        "plan": _pairs({name: steps[name] for name in _PLANS if name in steps}),
        "told": _pairs(record["told"]),
        "settings": _pairs({name: card[name] for name in card if name not in _SHOWN}),
    }


def _sources(found: Mapping[str, Any]) -> Iterator[tuple[bool, list[str]]]:
    """Yield of every source whether it was chosen, its name, boxes an image and coverage."""
    for name, one in found["covered"].items():
        shares = (percent(one[iou]) for iou in ("0.50", "0.70"))
        dear = " (too many for the minutes)" if name in found["dear"] else ""
        yield name == found["chosen"], [_SOURCES[name] + dear, f"{one['boxes']:,.0f}", *shares]


def _regions(found: Mapping[str, Any]) -> Iterator[tuple[bool, list[str]]]:
    """Yield of the boxes that detections were made of whether they were chosen, and figures."""
    for name, one in found["tried"].items():
        yield name == found["chosen"], [_SOURCES[name], *_figures(one)]


def _figures(one: Mapping[str, float]) -> list[str]:
    """Return AP50, AP and their mean."""
    return list(map(percent, (one["AP50"], one["AP"], (one["AP50"] + one["AP"]) / 2)))


def _tried(found: Mapping[str, Any]) -> Iterator[tuple[bool, list[str]]]:
    """Yield of every way to look and to select whether it was chosen, and its figures."""
    for name, one in found["tried"].items():
        look, selection = name.split("/")
        chosen = (look, selection) == (found["looks"], found["selection"])
        yield chosen, [_LOOKS[look], _selection(selection), *_figures(one)]


def _selection(name: str) -> str:
    """Return the words for a selection such as "soft-nms-vote-65"."""
    kind, voted, votes = name.partition("-vote")
    return _KINDS[kind] + (f", voted from IoU {_VOTES[votes]}" if voted else "")


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return nested values as rows: ("plan.multibox_steps", "1400")."""
    return [(key, _text(value)) for key, value in flat(dict(values)).items()]


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)
