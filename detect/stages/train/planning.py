"""The plan of the trainings, and the plan anew once it is known how fast they really are."""

import math
from dataclasses import asdict, replace
from typing import Any

from detect.errors import option
from detect.stages.train.budget import FEWEST, Pace, Plan, classifiers, plan
from detect.stages.train.choosing import Look, cheaper, expected_look, looking
from detect.stages.train.making import FOLDS, Making
from detect.stages.train.pace import measure_pace
from detect.stages.train.timetable import timetable, what_classifies

# A call that went on after an interruption knows the seconds of trainings, and of all else those
# since then: nothing is believed to be more than twice as fast as when the machine was timed.
_FASTEST = 0.5
# With fewer steps of what sees crops detectors were points weaker (docs/measured.md, "One call").
_GOOD = 800


def first_plan(making: Making) -> Plan:
    """Measure the machine's pace, and say and return how many steps there will be."""
    work, told = making.work, making.told
    pace = Pace(**work.step("pace", lambda: asdict(measure_pace(making))))

    def decide() -> dict[str, Any]:
        held = len(making.splits.chosen)
        look = expected_look(making, pace)
        searching = pace.searching(len(making.splits.everything), held)
        left = _left(making) - searching - looking(making, look)
        again, steps = making.splits.whole is not None, making.told_steps
        return plan(left, pace, told.networks, again=again, told=steps).values()

    decided = Plan.of(work.step("plan", decide))
    making.reporter.say(decided.words(what_classifies(making), pretrained=making.pretrained))
    _say_if_short(making, decided)
    lines, whole = timetable(making, decided, pace)
    for line in lines:
        making.reporter.say(line)
    if any(making.told_steps) and whole > 60 * told.minutes:
        making.reporter.warn(
            f"{option('minutes', told.minutes)}: the steps of {option('set')} take longer."
        )
    return decided


def _say_if_short(making: Making, decided: Plan) -> None:
    steps = decided.classifier_steps
    if making.told_steps.classifier is None and steps < _GOOD and not making.one_trunk:
        minutes = math.ceil(making.told.minutes * _GOOD / steps)
        making.reporter.say(
            f"few steps: {_GOOD} make a better detector, and take about "
            f"{option('minutes', minutes)} on this machine."
        )


def second_plan(making: Making, first: Plan, source: str) -> Plan:
    """Return `first` with the steps of the region classifiers that the time left allows.

    Other programs come and go while MultiBox learns, and the `source` of regions is known now: how
    many there are to look at, and how long proposing takes.
    """
    decided = Plan.of(making.work.step("plan anew", lambda: _again(making, first, source).values()))
    if decided != first:
        again = f", then {decided.again:,} more on all images" if decided.again else ""
        making.reporter.say(
            f"{what_classifies(making)}: {decided.classifier_steps:,} steps{again}."
        )
    return decided


def last_plan(making: Making, second: Plan) -> Plan:
    """Return `second` with as many steps on all images as there is time for at the end.

    Half of those planned to as many as the first fit had: choosing took less or more than thought.
    """

    def decide() -> dict[str, Any]:
        if not second.again or making.told_steps.classifier is not None:
            return second.values()
        pace = real_pace(making)
        left = _left(making) - second.multibox_again * pace.multibox_step
        steps = int(left / (making.told.networks * pace.classifier_step))
        steps = max(second.again // 2, min(steps, second.classifier_steps))
        return replace(second, again=steps).values()

    return Plan.of(making.work.step("plan of the end", decide))


def a_look(making: Making, source: str) -> Look:
    """Return what one look at the regions of `source` takes, as far as is known."""
    done, looked = making.work.choices, making.looked
    boxes = {name: one["boxes"] for name, one in done["source"]["result"]["covered"].items()}
    expected = real_pace(making).looking(boxes[source] * looked, making.told.networks)
    if "regions" not in done:
        return Look(expected, boxes[source], making.one_trunk)
    tried = sum(boxes[name] for name in done["regions"]["result"]["tried"])
    took = done["regions"]["seconds"] * boxes[source] / max(tried, 1.0)
    timed = Pace(**done["pace"]["result"]).looking(boxes[source] * looked, making.told.networks)
    return Look(max(took, _FASTEST * timed), boxes[source], making.one_trunk)


def _again(making: Making, first: Plan, source: str) -> Plan:
    pace = real_pace(making)
    last = first.multibox_again * pace.multibox_step
    left = _left(making) - _looks(making, source) - last
    step, told = making.told.networks * pace.classifier_step, making.told_steps.classifier
    steps = classifiers(left, step, again=making.splits.whole is not None, told=told)
    fewest = FEWEST if told is None else 0
    return replace(first, classifier_steps=max(fewest, steps.first), again=steps.again)


def _looks(making: Making, source: str) -> float:
    """Return the seconds of all looks at the boxes of `source`, and of one at cheaper ones."""
    found, look = making.work.choices["source"]["result"], a_look(making, source)
    fewer = sum(found["covered"][name]["boxes"] for name in cheaper(found, source))
    return looking(making, look) + look.seconds * float(fewer) / max(look.boxes, 1.0)


def real_pace(making: Making) -> Pace:
    """Return the pace as it was measured, slowed or quickened as MultiBox's trainings were."""
    done = making.work.choices
    pace = Pace(**done["pace"]["result"])
    took = sum(done[f"multibox {fold}"]["seconds"] for fold in FOLDS) / len(FOLDS)
    planned = done["plan"]["result"]["multibox_steps"] * pace.multibox_step
    slower = max(_FASTEST, took / planned)
    slowed = {name: slower * value for name, value in asdict(pace).items() if name != "search"}
    return replace(pace, **slowed)


def _left(making: Making) -> float:
    return 60 * making.told.minutes - making.work.seconds
