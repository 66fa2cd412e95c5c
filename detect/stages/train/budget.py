"""How many steps of each training a budget of minutes allows, by a measured pace."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from detect.errors import UsageError, option

# Shares of what is left for training, ours: two networks of MultiBox that each miss half of the
# images, and the region classifiers; with a fit on all images one more of each.
_FOLDS = 0.32
# Below these steps a network is not worth a second fit: it had better learn longer once.
_ENOUGH = 500
# Of an image's regions, as many as both sources propose; how many looks choosing takes.
_REGIONS, _LOOKS = 900, 5.5
FEWEST, MOST_MULTIBOX, MOST_CLASSIFIER = 40, 1400, 3000


@dataclass(frozen=True)
class Pace:
    """Seconds here of a step of MultiBox, one of a region classifier, a search, a region."""

    multibox_step: float
    classifier_step: float
    search: float
    region: float

    def apart(self, images: int, held: int, networks: int) -> float:
        """Return the seconds beside the trainings: searching, and trying what to choose.

        Of so many `images` in all, `held` of them out. As if both sources proposed for all of
        them, and held-out regions were looked at once, mirrored, and mirrored again.
        """
        searched = self.search * (2 * held + images)
        return searched + _LOOKS * _REGIONS * held * networks * self.region


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
    taken = 2 * multibox * pace.multibox_step
    last = multibox * pace.multibox_step
    twice = int((seconds - taken - last) / 2 / networks / pace.classifier_step)
    once = int((seconds - taken) / networks / pace.classifier_step)
    if once < FEWEST:
        needed = taken + FEWEST * networks * pace.classifier_step
        raise UsageError(
            f"{option('minutes')}: too few for anything on this machine, whose steps take "
            f"{pace.multibox_step:.1f} and {pace.classifier_step:.1f} s. Allow "
            f"{(needed - seconds) / 60:.0f} minutes more."
        )
    if again and twice >= _ENOUGH:
        return Plan(multibox, min(MOST_CLASSIFIER, twice), again=True)
    return Plan(multibox, min(MOST_CLASSIFIER, once), again=False)
