"""How long each part of a training will take, in words, from the pace of this machine."""

from collections.abc import Iterator

from detect.costs.units import duration
from detect.stages.train.budget import Pace, Plan
from detect.stages.train.choosing import expected_look, looking
from detect.stages.train.making import Making


def timetable(making: Making, plan: Plan, pace: Pace) -> tuple[list[str], float]:
    """Return a line for each part and one of all beside the minutes told; and all its seconds."""
    timing = making.work.choices.get("pace", {}).get("seconds", 0.0)
    parts = [("timing this machine", timing), *_parts(making, plan, pace)]
    whole = float(sum(seconds for _, seconds in parts))
    told = duration(60 * making.told.minutes)
    rows = [*parts, (f"in all, {told} allowed", whole)]
    return [f"{duration(seconds):>8}  {what}" for what, seconds in rows], whole


def what_classifies(making: Making) -> str:
    """Return what classifies regions, in words."""
    several = making.told.networks
    if making.one_trunk:
        return "a network of one trunk"
    return f"{several} region classifiers" if several > 1 else "a region classifier"


def _parts(making: Making, plan: Plan, pace: Pace) -> Iterator[tuple[str, float]]:
    """Yield what is done and its seconds, in the order of the steps.

    Searching as if Selective Search proposed in the end, too; MultiBox itself takes little.
    """
    splits, networks = making.splits, making.told.networks
    held, every = len(splits.chosen), len(splits.everything)
    several = what_classifies(making)
    step = networks * pace.classifier_step
    multibox = plan.multibox_steps * pace.multibox_step
    searched = pace.searching(0, held)
    yield f"MultiBox, two networks of {plan.multibox_steps:,} steps", 2 * multibox
    yield f"what proposes: {held} images held out, searched twice", searched
    yield f"regions of {every} images", every * pace.search
    yield f"{several}, {plan.classifier_steps:,} steps", plan.classifier_steps * step
    look = expected_look(making, pace)
    yield "how to look and select, thresholds", looking(making, look)
    last = plan.multibox_again * pace.multibox_step
    yield f"MultiBox on all images, {plan.multibox_again:,} steps", last
    if plan.again:
        yield f"{several} on all images, {plan.again:,} steps", plan.again * step
