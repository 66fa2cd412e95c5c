"""What kind of mistake each wrong detection and each missed object is, and the mAP it costs.

The six types and their remedies are TIDE's (Bolya et al. 2020, arXiv 2008.08115, sections 3.1
and 3.2). They refine Hoiem et al. 2012 (Diagnosing Error in Object Detectors), who count
duplicates as localisation and split confusions by similarity of the classes. Where TIDE's text
lets two types apply, its code (dbolya/tide, quantify.py) decides, but for one case: a detection
that reaches an object of its own class is a duplicate here, whatever else it reaches.
Matching and average precision are VOC 2012's, where TIDE takes COCO's.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from detect.evaluation.curve import JudgedDetections, area, summarise
from detect.evaluation.flat import FlatDetections
from detect.evaluation.judged import TOUCHING, Judged, first_of_each, judge
from detect.structures import BoolArray, Dataset, IntArray

WRONG = ("classification", "localisation", "both", "duplicate", "background")
TYPES = (*WRONG, "missed")


def error_report(
    dataset: Dataset, detections: FlatDetections, iou: float = 0.5, shown: float = 0.5
) -> dict[str, Any]:
    """Tell the mistakes in `detections` of `dataset` apart and cost each type.

    Of a wrong detection let `own` be the largest IoU with an object of its class and `other` with
    one of another class, difficult objects included; t = `iou`, b = TOUCHING:

    - duplicate: own >= t; the object was found already.
    - localisation: b <= own < t.
    - classification: own < b, other >= t.
    - both (wrong class and place): own < b, b <= other < t.
    - background: own and other < b.
    - missed: an object that counts, was not found, and that no localisation or classification
      mistake points at (its own type's remedy would find it).

    Remedies, one type at a time, all else as found: localisation: the best-scored mistake on
    each free object becomes right, the others go; classification: the same, and it takes the
    object's class; duplicate, background, both: they go; missed: the object is no longer asked
    for. A class all of whose objects are missed then counts as AP 1 (ours; TIDE drops it).

    Returns {"iou", "shown", "map", "types": {type: {"count", "shown", "map", "cost"}}}: how many,
    how many of them score `shown` or more (missed: as "count"), mAP with that type remedied, and by
    how much more that is. Raises DataError where no object counts, ValueError for an `iou` below
    TOUCHING.
    """
    judged = judge(dataset, detections, iou)
    base = _map(dataset, judged.outcome)
    kinds = wrong_types(judged)
    missed = missed_objects(judged, kinds)
    figures = {name: _remedied(dataset, judged, kinds == name, name) for name in WRONG}
    figures["missed"] = _without_missed(dataset, judged, missed)
    visible = judged.detections.scores >= shown
    counts = {name: (kinds == name, (kinds == name) & visible) for name in WRONG}
    counts["missed"] = (missed, missed)
    return {
        "iou": iou,
        "shown": shown,
        "map": base,
        "types": {
            name: {
                "count": int(counts[name][0].sum()),
                "shown": int(counts[name][1].sum()),
                "map": figures[name],
                "cost": figures[name] - base,
            }
            for name in TYPES
        },
    }


def wrong_types(judged: Judged) -> Any:
    """Return the type (N,) str of every wrong detection, "" for one that is not wrong."""
    own, other, iou = judged.own, judged.other, judged.iou
    tests = {
        "duplicate": own >= iou,
        "localisation": own >= TOUCHING,
        "classification": other >= iou,
        "both": other >= TOUCHING,
    }
    kinds = np.select(list(tests.values()), list(tests), default="background")
    return np.where(judged.wrong, kinds, "")


def missed_objects(judged: Judged, kinds: Any) -> BoolArray:
    """Return which objects (M,) are missed, given the types (N,) of the detections."""
    missed = judged.free.copy()
    missed[judged.own_objects[kinds == "localisation"]] = False
    missed[judged.other_objects[kinds == "classification"]] = False
    return missed


def _remedied(dataset: Dataset, judged: Judged, mistakes: BoolArray, kind: str) -> float:
    """Return the mAP without the `mistakes` (N,) of one kind."""
    outcome = judged.outcome
    labels, hits = outcome.labels.copy(), outcome.hits.copy()
    if kind in ("localisation", "classification"):
        objects = judged.own_objects if kind == "localisation" else judged.other_objects
        repaired = _best_on_free(judged, np.flatnonzero(mistakes), objects)
        hits[repaired] = True
        labels[repaired] = judged.truth.labels[objects[repaired]]
    ignored = outcome.ignored | (mistakes & ~hits)
    return _map(dataset, replace(outcome, labels=labels, hits=hits, ignored=ignored))


def _best_on_free(judged: Judged, mistakes: IntArray, objects: IntArray) -> IntArray:
    """Return of the `mistakes` (K,), best first, the first one of each free object it is on."""
    mistakes = mistakes[judged.free[objects[mistakes]]]
    return first_of_each(mistakes, objects[mistakes])


def _without_missed(dataset: Dataset, judged: Judged, missed: BoolArray) -> float:
    """Return the mAP over the same classes when the `missed` objects (M,) are not asked for."""
    before = judged.outcome.positives
    lost = np.bincount(judged.truth.labels[missed], minlength=len(before))
    left = before - lost
    solved = int(((before > 0) & (left == 0)).sum())
    if not left.any():
        return 1.0
    outcome = replace(judged.outcome, positives=left)
    entries = summarise(outcome, dataset, "voc2012", area)["per_class"].values()
    return float((sum(entry["ap"] for entry in entries) + solved) / (len(entries) + solved))


def _map(dataset: Dataset, outcome: JudgedDetections) -> float:
    return float(summarise(outcome, dataset, "voc2012", area)["map"])
