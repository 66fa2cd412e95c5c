"""How many steps of each training a budget of minutes allows, by a measured pace."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from detect.errors import UsageError, option

# Shares, ours: of what is left for training, MultiBox's two networks that each miss half of the
# images and the one of all; of the steps of a first fit, the fit on all images, whose trunk begins
# as that one's.
_MULTIBOX, REFIT = 0.36, 0.5
# Below these steps a network is not worth a second fit: it had better learn longer once.
_ENOUGH = 400
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


class Told(NamedTuple):
    """Steps that the user gave, None where the budget decides."""

    multibox: int | None = None
    classifier: int | None = None


class Steps(NamedTuple):
    """Steps of each region classifier, and of its fit on all images: 0 for none."""

    first: int
    again: int


@dataclass(frozen=True)
class Plan:
    """Steps of each MultiBox network that misses half of the images, and of the one of all.

    Of a region classifier, and of its fit on all images at the end (0: there is none).
    """

    multibox_steps: int
    multibox_again: int
    classifier_steps: int
    again: int

    def words(self, classifiers: str, *, pretrained: bool) -> str:
        """Say the plan in a line; `classifiers` is what is trained of so many steps."""
        begun = "ImageNet's weights" if pretrained else "random weights"
        last = f", then {self.again:,} more on all images" if self.again else ""
        return (
            f"from {begun}: MultiBox, two networks of {self.multibox_steps:,} steps and one of "
            f"{self.multibox_again:,}; {classifiers} of "
            f"{self.classifier_steps:,} steps{last}."
        )

    def values(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Return the plan that `values` gave."""
        return cls(**values)


def plan(seconds: float, pace: Pace, networks: int, *, again: bool, told: Told) -> Plan:
    """Divide the `seconds` that are left for training among the trainings.

    `again` asks for a fit on all images at the end; it is left out where that makes the first one
    too short. UsageError where not even a few steps are possible.
    """
    multibox, refit = _multibox(seconds * _MULTIBOX / pace.multibox_step, told.multibox)
    left = seconds - (2 * multibox + refit) * pace.multibox_step
    step = networks * pace.classifier_step
    steps = classifiers(left, step, again=again, told=told.classifier)
    if steps.first < FEWEST and told.classifier is None:
        raise UsageError(
            f"{option('minutes')}: too few for anything on this machine, whose steps take "
            f"{pace.multibox_step:.1f} and {pace.classifier_step:.1f} s. Allow "
            f"{max(1, (FEWEST * step - left) / 60):.0f} minutes more."
        )
    return Plan(multibox, refit, *steps)


def classifiers(seconds: float, step: float, *, again: bool, told: int | None) -> Steps:
    """Return the steps of the region classifiers that so many `seconds` allow.

    `step`: the seconds of one step of all of them. `again` and `told` as in `plan`.
    """
    all_steps = seconds / step
    if told is not None:
        return Steps(told, told if again and 2 * told <= all_steps else 0)
    first = min(MOST_CLASSIFIER, int(all_steps / (1 + REFIT)))
    if again and first >= _ENOUGH:
        return Steps(first, int(REFIT * first))
    return Steps(min(MOST_CLASSIFIER, int(all_steps)), 0)


def _multibox(all_steps: float, told: int | None) -> tuple[int, int]:
    """Return the steps of each network that misses half of the images, and of that of all."""
    if told is not None:
        return told, told
    steps = max(FEWEST, min(MOST_MULTIBOX, int(all_steps / (2 + REFIT))))
    return steps, max(FEWEST, int(REFIT * steps))
