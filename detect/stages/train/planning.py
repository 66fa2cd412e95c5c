"""The plan of the trainings, and the plan anew once it is known how fast they really are."""

from dataclasses import asdict, replace
from typing import Any

from detect.stages.train.budget import FEWEST, Pace, Plan, classifiers, plan
from detect.stages.train.choosing import crops_of
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
        apart = pace.apart(images, len(splits.chosen), told.networks, crops_of(making))
        decided = plan(_left(making) - apart, pace, told.networks, again=again)
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


def _again(making: Making, first: Plan, source: str) -> Plan:
    done, told = making.work.choices, making.told
    pace = Pace(**done["pace"]["result"])
    one = sum(done[f"multibox {fold}"]["seconds"] for fold in FOLDS) / len(FOLDS)
    slower = max(_FASTEST, one / (first.multibox_steps * pace.multibox_step))
    pace = replace(pace, classifier_step=slower * pace.classifier_step, region=slower * pace.region)
    regions = done["source"]["result"]["covered"][source]["boxes"] * len(making.splits.chosen)
    last = one + done["proposals held-out"]["seconds"]
    left = _left(making) - pace.looking(regions, told.networks, crops_of(making))
    steps = classifiers(left, last if first.again else None, pace, told.networks)
    each = max(FEWEST, steps.each)
    return making.as_set(replace(first, classifier_steps=each, again=steps.again))


def _left(making: Making) -> float:
    return 60 * making.told.minutes - making.work.seconds
