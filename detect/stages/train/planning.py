"""The plan of the trainings, and the plan anew once it is known how fast they really are."""

from dataclasses import asdict, replace
from typing import Any

from detect.stages.train.budget import FEWEST, REGIONS, Pace, Plan, classifiers, plan
from detect.stages.train.choosing import looking
from detect.stages.train.making import FOLDS, Making
from detect.stages.train.pace import measure_pace
from detect.stages.train.timetable import timetable

# A call that went on after an interruption knows only the seconds since then: no training is
# believed to be more than twice as fast as it was when the machine was timed.
_FASTEST = 0.5


def first_plan(making: Making) -> Plan:
    """Measure the machine's pace, and say and return how many steps there will be."""
    work, told = making.work, making.told
    pace = Pace(**work.step("pace", lambda: asdict(measure_pace(making))))
    splits = making.splits

    def decide() -> dict[str, Any]:
        again = splits.whole is not None
        images = len(splits.learned) + again * len(splits.everything)
        held = len(splits.chosen)
        looks = looking(making, pace.looking(REGIONS * held, told.networks))
        left = _left(making) - pace.searching(images, held) - looks
        decided = plan(left, pace, told.networks, again=again)
        return making.as_set(decided).values()

    decided = Plan.of(work.step("plan", decide))
    making.reporter.say(decided.words(told.networks, pretrained=making.pretrained))
    for line in timetable(making, decided, pace):
        making.reporter.say(line)
    return decided


def second_plan(making: Making, first: Plan, source: str) -> Plan:
    """Return `first` with the steps of the region classifiers that the time left allows.

    Other programs come and go while MultiBox learns, and the `source` of regions is known now: how
    many there are to look at, and how long proposing takes.
    """
    decided = Plan.of(making.work.step("plan anew", lambda: _again(making, first, source).values()))
    if decided != first:
        again = ", twice" if decided.again else ""
        making.reporter.say(f"region classifiers: {decided.classifier_steps} steps{again}.")
    return decided


def a_look(making: Making, source: str) -> float:
    """Return the seconds of one look at all held-out regions of `source`, as far as is known."""
    boxes = making.work.choices["source"]["result"]["covered"][source]["boxes"]
    return _real(making).looking(boxes * len(making.splits.chosen), making.told.networks)


def _again(making: Making, first: Plan, source: str) -> Plan:
    done, pace = making.work.choices, _real(making)
    last = _fold(making) + done["proposals held-out"]["seconds"]
    left = _left(making) - looking(making, a_look(making, source))
    steps = classifiers(left, last if first.again else None, pace, making.told.networks)
    each = max(FEWEST, steps.each)
    return making.as_set(replace(first, classifier_steps=each, again=steps.again))


def _real(making: Making) -> Pace:
    """Return the pace as it was measured, slowed or quickened as MultiBox's trainings were."""
    done = making.work.choices
    pace = Pace(**done["pace"]["result"])
    planned = done["plan"]["result"]["multibox_steps"] * pace.multibox_step
    slower = max(_FASTEST, _fold(making) / planned)
    return replace(pace, classifier_step=slower * pace.classifier_step, region=slower * pace.region)


def _fold(making: Making) -> float:
    """Return the seconds of training one MultiBox network."""
    seconds = sum(making.work.choices[f"multibox {fold}"]["seconds"] for fold in FOLDS)
    return float(seconds) / len(FOLDS)


def _left(making: Making) -> float:
    return 60 * making.told.minutes - making.work.seconds
