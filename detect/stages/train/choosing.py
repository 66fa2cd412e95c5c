"""What proposes, how often regions are looked at, how to select: chosen on images held out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from detect.ensemble.rounds import AGAIN, Rounds
from detect.proposals.settings import Preset
from detect.stages.recall import recall
from detect.stages.sources import Method
from detect.stages.train.budget import REGIONS, Pace
from detect.stages.train.looked_at import choose_looked_at, fewest
from detect.stages.train.making import HELD_OUT, Making

# From the cheapest: the method and preset of each source, some 200, 900 and 1,800 boxes an image.
SOURCES: Mapping[str, tuple[Method, Preset]] = {
    "multibox": ("multibox", "googlenet"),
    "both": ("both", "googlenet"),
    "selective-search": ("selective-search", "rcnn"),
}
# How much less a cheaper source may cover, at IoU 0.5 and 0.7. Ours; with --fast the second. And
# so many objects say nothing, whatever their share: of 96 that were held out one is 0.01. The half
# is for shares that are rounded.
_LESS, _LESS_FAST = 0.01, 0.03
_CHANCE = 2.5
# What costs more must be better by this much: a run of a few dozen images tells no less. With
# --fast fewer regions may be worse by the second.
_BETTER, _WORSE_FAST = 0.003, 0.02

# From the cheapest.
LOOKS: Mapping[str, dict[str, Any]] = {
    "once": {},
    "rounds": {"rounds": 2},
    "mirror": {"mirror": True},
    "mirror-rounds": {"mirror": True, "rounds": 2},
}
# Those tried where networks move boxes, and where they move none and all rounds are alike. A second
# round of the best regions costs less than to mirror all (docs/measured.md, "Boxes that fit").
_MOVING, _STAYING = ("once", "rounds", "mirror-rounds"), ("once", "mirror")
# All looks at the boxes of one source together take no more than this share of the minutes, and one
# look no more than half of it: whoever can look twice can choose (ours).
_LOOKING = 0.2
# MR-CNN's IoU is of boxes that stay where they are; of those that moved the close ones know better
# (docs/measured.md, "Boxes that fit").
_VOTES: Mapping[str, Any] = {"": "off", "-vote": 0.5, "-vote-65": 0.65, "-vote-80": 0.8}
SELECTIONS: Mapping[str, dict[str, Any]] = {
    f"{kind}{name}": {"kind": kind, "vote": vote}
    for kind in ("nms", "soft-nms")
    for name, vote in _VOTES.items()
}


class Look(NamedTuple):
    """The `seconds` of one look at all held-out regions, `boxes` an image.

    With `one_trunk` a later round takes as long: the image goes through the trunk again.
    """

    seconds: float
    boxes: float
    one_trunk: bool = False

    def of(self, name: str) -> float:
        """Return the seconds of looking in the way `name`, by how many crops it needs."""
        how = LOOKS[name]
        crops = 2.0 if how.get("mirror") else 1.0
        rounds = int(how.get("rounds", 1))
        if self.one_trunk:
            return self.seconds * rounds
        later = Rounds(rounds, AGAIN).later(self.boxes)
        return self.seconds * crops * (1 + later / max(self.boxes, 1.0))


def choose_source(making: Making, region: float) -> dict[str, Any]:
    """Return what each source covers of the held-out objects, and the cheapest that covers enough.

    Enough: at IoU 0.5 and at 0.7 hardly less than the best one. Sources so dear that one look at
    their regions in the fewest images, of `region` seconds each, takes half the time of all looks
    count for nothing. And in how many images regions are looked at: as many as take so long.
    """
    covered = {}
    for name, (method, preset) in SOURCES.items():
        path = making.propose(f"{HELD_OUT}-{name}", making.splits.held, method, preset)
        covered[name] = _coverage(making, path)
    less = least_gain(making)
    boxes = _once(making) / max(region, 1e-9)
    dear = too_dear(covered, boxes / fewest(making))
    chosen = enough({name: one for name, one in covered.items() if name not in dear}, less)
    looked = choose_looked_at(making, boxes / max(covered[chosen]["boxes"], 1.0))
    return {"covered": covered, "dear": dear, "chosen": chosen, "looked": looked}


def least_gain(making: Making) -> float:
    """Return the share of the held-out objects that a source must cover more to be worth more."""
    from detect.data.halves import class_counts

    objects = int(class_counts(making.splits.chosen, difficult=True).sum())
    return max(_LESS_FAST if making.told.fast else _LESS, _CHANCE / max(objects, 1))


def cheaper(found: Mapping[str, Any], source: str) -> list[str]:
    """Return the sources of fewer boxes an image than `source`, from the cheapest.

    `found`: what choose_source returned.
    """
    boxes = {name: one["boxes"] for name, one in found["covered"].items()}
    return sorted((name for name in boxes if boxes[name] < boxes[source]), key=boxes.__getitem__)


Covered = Mapping[str, Mapping[str, float]]


def too_dear(covered: Covered, most: float) -> list[str]:
    """Return the sources that propose more than `most` boxes an image, the cheapest left out."""
    cheapest = min(one["boxes"] for one in covered.values())
    return [name for name, one in covered.items() if one["boxes"] > max(most, cheapest)]


def enough(covered: Covered, less: float) -> str:
    """Return the first that covers at most `less` less than the best, or else what covers most.

    From the cheapest; at IoU 0.5 and at 0.7.
    """
    best = {iou: max(one[iou] for one in covered.values()) for iou in ("0.50", "0.70")}
    for name, one in covered.items():
        if all(one[iou] >= best[iou] - less for iou in ("0.50", "0.70")):
            return name
    return max(covered, key=lambda name: covered[name]["0.50"] + covered[name]["0.70"])


def _allowed(making: Making) -> float:
    """Return the seconds that all looks may take."""
    return _LOOKING * 60 * making.told.minutes


def _once(making: Making) -> float:
    """Return the seconds that one look may take."""
    return _allowed(making) / 2


def _coverage(making: Making, path: Path) -> dict[str, float]:
    told = making.told
    (file,) = recall(
        told.data, split=making.splits.held, proposals=[path], skip_bad=told.skip_bad
    ).files
    shares = file.scores.coverage["all"]
    return {
        "boxes": round(file.scores.boxes_per_image, 1),
        **{iou: round(shares[iou], 4) for iou in ("0.50", "0.70")},
    }


def choose_regions(making: Making, source: str) -> dict[str, Any]:
    """Return what the networks find over the boxes of `source`, and over those of cheaper ones.

    And the cheapest that is hardly worse, by the best selection of each: networks learn from what
    covers most, but fewer and better boxes may win (docs/measured.md).
    """
    tried = {}
    for name in (*cheaper(making.work.choices["source"]["result"], source), source):
        figures = dict(_tried(making, name, ("once",)))
        tried[name] = max(figures.values(), key=_value)
    best = max(map(_value, tried.values()))
    less = _WORSE_FAST if making.told.fast else _BETTER
    chosen = next(name for name, one in tried.items() if _value(one) >= best - less)
    return {"tried": tried, "chosen": chosen}


def choose_selection(making: Making, source: str, look: Look) -> dict[str, Any]:
    """Return the figures of every way to look and to select on the held-out images, and the best.

    Over the boxes of `source`, by the mean of AP50 and AP (0.50 to 0.95). The looks are those of
    `looks_of`.
    """
    tried = dict(_tried(making, source, looks_of(making, look)))
    looks, selection = "once", "nms"
    for name in tried:
        how, select = name.split("/")
        gain = _value(tried[name]) - _value(tried[f"{looks}/{selection}"])
        if gain > (0.0 if how == looks else _BETTER):
            looks, selection = how, select
    return {"tried": tried, "looks": looks, "selection": selection}


def looks_of(making: Making, look: Look) -> tuple[str, ...]:
    """Return the ways to look that are tried, from the cheapest, as far as there is time.

    Later rounds only where networks move boxes; with `fast` one look.
    """
    if making.told.fast:
        return ("once",)
    names: Sequence[str] = _MOVING if making.moves else _STAYING
    if making.one_trunk:  # It sees no crops that could be mirrored.
        names = tuple(name for name in names if not LOOKS[name].get("mirror"))
    allowed = max(look.seconds, _allowed(making))
    spent = accumulate(map(look.of, names))
    return tuple(name for name, seconds in zip(names, spent, strict=True) if seconds <= allowed)


def expected_look(making: Making, pace: Pace) -> Look:
    """Return what a look will take before anything is known of the regions."""
    held, networks = len(making.splits.chosen), making.told.networks
    fewer, every = (pace.looking(REGIONS * images, networks) for images in (fewest(making), held))
    return Look(max(fewer, min(every, _once(making))), REGIONS, making.one_trunk)


def looking(making: Making, look: Look) -> float:
    """Return the seconds of all looks that are tried."""
    return sum(map(look.of, looks_of(making, look)))


def _tried(
    making: Making, source: str, looks: Sequence[str]
) -> Iterator[tuple[str, dict[str, float]]]:
    for look in looks:
        found = making.detect(source, look, LOOKS[look])
        for name, selection in SELECTIONS.items():
            yield f"{look}/{name}", making.score(making.selected(found, selection))


def _value(figures: Mapping[str, float]) -> float:
    return (figures["AP50"] + figures["AP"]) / 2
