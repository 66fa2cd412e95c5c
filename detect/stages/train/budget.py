"""How many steps of each training a budget of minutes allows, by a measured pace."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from detect.errors import UsageError, option

# Shares of what is left for training, ours: two networks of MultiBox that each miss half of the
# images, and the region classifiers; with a fit on all images one more of each.
_FOLDS = 0.32
# Below these steps a network is not worth a second fit: it had better learn longer once.
_ENOUGH = 500
# Regions of an image, as many as both sources propose.
REGIONS = 900
FEWEST, MOST_MULTIBOX, MOST_CLASSIFIER = 40, 1400, 3000


@dataclass(frozen=True)
class Pace:
    """Seconds here of a step of MultiBox, one of a region classifier, a search, a region."""

    multibox_step: float
    classifier_step: float
    search: float
    region: float

    def searching(self, images: int, held: int) -> float:
        """Return the seconds of searching in so many `images`, and twice in those `held` out.

        As if both sources proposed for all of them.
        """
        return self.search * (2 * held + images)

    def looking(self, regions: float, networks: int) -> float:
        """Return the seconds of one look at so many held-out `regions`."""
        return regions * networks * self.region


@dataclass(frozen=True)
class Plan:
    """Steps of each network of MultiBox, of a classifier, and whether all images come last."""

    multibox_steps: int
    classifier_steps: int
    again: bool

    def words(self, networks: int, *, pretrained: bool) -> str:
        """Say the plan in a line."""
        begun = "ImageNet's weights" if pretrained else "random weights"
        last = ", and both again on all images" if self.again else ""
        return (
            f"from {begun}: MultiBox, two networks of {self.multibox_steps} steps; region "
            f"classifiers, {networks} of {self.classifier_steps} steps{last}."
        )

    def values(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Return the plan that `values` gave."""
        return cls(**values)


def plan(seconds: float, pace: Pace, networks: int, *, again: bool) -> Plan:
    """Divide the `seconds` that are left for training among the trainings.

    `again` asks for a fit on all images at the end; it is left out where that makes the first one
    too short. UsageError where not even a few steps are possible.
    """
    folds = int(seconds * _FOLDS / 2 / pace.multibox_step)
    multibox = max(FEWEST, min(MOST_MULTIBOX, folds))
    one = multibox * pace.multibox_step
    steps = classifiers(seconds - 2 * one, one if again else None, pace, networks)
    if steps.each < FEWEST:
        needed = FEWEST * networks * pace.classifier_step - (seconds - 2 * one)
        raise UsageError(
            f"{option('minutes')}: too few for anything on this machine, whose steps take "
            f"{pace.multibox_step:.1f} and {pace.classifier_step:.1f} s. Allow "
            f"{needed / 60:.0f} minutes more."
        )
    return Plan(multibox, steps.each, steps.again)


class Classifiers(NamedTuple):
    """Steps of `each` region classifier, and whether they are trained `again` on all images."""

    each: int
    again: bool


def classifiers(seconds: float, last: float | None, pace: Pace, networks: int) -> Classifiers:
    """Return the steps of the region classifiers that so many `seconds` allow.

    `last`: the seconds of what else a fit on all images needs; None where there is to be none.
    """
    every = networks * pace.classifier_step
    if last is not None:
        twice = int((seconds - last) / 2 / every)
        if twice >= _ENOUGH:
            return Classifiers(min(MOST_CLASSIFIER, twice), again=True)
    return Classifiers(min(MOST_CLASSIFIER, int(seconds / every)), again=False)
