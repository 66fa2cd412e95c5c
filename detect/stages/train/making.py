"""The stages that a detector is made by, each in a folder of its own in OUT/work."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from detect.config import MultiBoxRecipe, RegionClassifierRecipe, SharedRecipe, load_recipe
from detect.errors import DetectError, option
from detect.progress import Reporter
from detect.runs import RunFolder
from detect.stages.ensemble import ensemble
from detect.stages.evaluate import evaluate
from detect.stages.members import member_folders
from detect.stages.propose import propose
from detect.stages.run import run
from detect.stages.train import recipes
from detect.stages.train.budget import Told
from detect.stages.train.look import Splits
from detect.stages.train.options import TrainOptions
from detect.stages.train.work import Work
from detect.stages.train_classifier import train_classifier
from detect.stages.train_multibox import train_multibox
from detect.stages.train_shared import train_shared

FOLDS = ("1/2", "2/2")
# What is trained, proposed and found of: images held out, and all.
HELD_OUT, ALL = "held-out", "all"
# The list of the held-out images that regions are looked at in, where these are not all.
LOOKED_AT = "looked-at.txt"
# How often regions are looked at; what costs more comes later.
Looks = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Making:
    """What is told, the images, where work is done, and whether trunks begin pre-trained."""

    told: TrainOptions
    splits: Splits
    work: Work
    pretrained: bool
    reporter: Reporter

    def place(self, *names: str) -> Path:
        """Return a folder in work/."""
        return self.work.folder.joinpath(*names)

    @property
    def one_trunk(self) -> bool:
        """Whether regions are cut from the maps of the image instead of its pixels."""
        return self.told.classifier == "one-trunk"

    @property
    def looked(self) -> int:
        """In how many of the held-out images regions are looked at; all until that is chosen."""
        every = len(self.splits.chosen)
        chosen = self.work.choices.get("source", {}).get("result", {})
        return int(chosen.get("looked", every))

    @property
    def looked_split(self) -> str:
        """The split of those images."""
        every = self.looked == len(self.splits.chosen)
        return self.splits.held if every else str(self.place(LOOKED_AT))

    @property
    def classes(self) -> tuple[str, ...]:
        """What the recipe learns, empty for all classes. UsageError for a `set` that is wrong."""
        return self.recipe(1).classes

    @property
    def moves(self) -> bool:
        """Whether the networks move boxes: unless `set` says otherwise they do."""
        return self.recipe(1).regression.kind != "off"

    @property
    def told_steps(self) -> Told:
        """The steps that `set` gives: those that differ from any that a plan would."""
        return Told(
            _told(lambda steps: self.multibox_recipe(steps).optimizer.steps),
            _told(lambda steps: self.recipe(steps).optimizer.steps),
        )

    def multibox_recipe(self, steps: int) -> MultiBoxRecipe:
        """Return the recipe of a MultiBox network of so many steps. UsageError as `classes`."""
        recipe = recipes.multibox(steps, self.told.seed, pretrained=self.pretrained)
        try:
            return load_recipe(MultiBoxRecipe, recipe, self.told.of_multibox)
        except DetectError as error:
            raise type(error)(f"MultiBox's recipe (multibox.A.B=V): {error.marked}") from error

    def recipe(self, steps: int) -> RegionClassifierRecipe | SharedRecipe:
        """Return the recipe of a region classifier of so many steps. UsageError as `classes`."""
        values, changes = self._recipe(steps), self.told.of_networks
        if not self.one_trunk:
            return load_recipe(RegionClassifierRecipe, values, changes)
        try:
            return load_recipe(SharedRecipe, values, changes)
        except DetectError as error:
            raise type(error)(
                f"{error.marked} This is the recipe of a network of one trunk; with "
                f"{option('classifier', 'crops')} it is that of train-classifier."
            ) from error

    def _recipe(self, steps: int, begun: Path | None = None) -> recipes.Recipe:
        seed = self.told.seed
        if self.one_trunk:
            return recipes.one_trunk(steps, seed, begun=begun)
        return recipes.classifier(steps, seed, pretrained=self.pretrained, begun=begun)

    def folds(self) -> tuple[Path, ...]:
        """Return the MultiBox networks that each miss half of the images."""
        return tuple(self.place("multibox", fold[0]) for fold in FOLDS)

    def train_multibox(
        self, name: str, steps: int, fold: str | None = None, begun: Path | None = None
    ) -> None:
        """Train MultiBox on all images but those of `fold`, from the trunk of the run `begun`.

        Where its trunk begins what is measured on images held out, it sees none of these.
        """
        out, told = self.place("multibox", name), self.told
        unseen = fold is not None and self.one_trunk
        train_multibox(
            told.data,
            split=self.splits.learn if unseen else self.splits.every,
            config=recipes.multibox(steps, told.seed, pretrained=self.pretrained, begun=begun),
            set=_beginning(told.of_multibox, begun),
            leave_out=fold,
            out=out,
            resume=out.exists(),
            device=told.device,
            skip_bad=told.skip_bad,
            log=told.log,
            reporter=self.reporter,
        )

    def train_networks(self, name: str, split: str, steps: int, begun: Path | None = None) -> None:
        """Train the region classifiers on `split`, from the trunks of those at `begun`."""
        out, told = self.place("networks", name), self.told
        several = {} if told.networks == 1 else {"ensemble": told.networks}
        train: Callable[..., object] = train_shared if self.one_trunk else train_classifier
        train(
            told.data,
            **several,
            split=split,
            proposals=self.place("proposals", ALL),
            config=self._recipe(steps, begun),
            set=_beginning(told.of_networks, begun),
            out=out,
            resume=out.exists(),
            device=told.device,
            skip_bad=told.skip_bad,
            log=told.log,
            reporter=self.reporter,
        )

    def trained_seconds(self, *names: str) -> float:
        """Return what the trainings in a folder of work/ took, interrupted or not."""
        return sum(60 * RunFolder(one).minutes for one in member_folders(self.place(*names)))

    def propose(self, name: str, split: str, method: str, preset: str) -> Path:
        """Propose for `split`, with MultiBox networks that did not see its images."""
        out = self.place("proposals", name)
        searched = {} if method == "multibox" else {"preset": preset}
        learned = {"multibox": self.folds(), "device": self.told.device}
        propose(
            self.told.data,
            split=split,
            method=method,
            out=out,
            resume=out.exists(),
            skip_bad=self.told.skip_bad,
            reporter=self.reporter,
            **searched,
            **({} if method == "selective-search" else learned),
        )
        return out

    def detect(self, source: str, name: str, looks: Looks) -> Path:
        """Detect in the images looked at over the boxes of `source`, and keep the scores."""
        out = self.found(source, name)
        run(
            self.told.data,
            split=self.looked_split,
            model=self.place("networks", HELD_OUT),
            proposals=self.place("proposals", f"{HELD_OUT}-{source}"),
            keep_scores="float16",
            pictures=False,
            out=out,
            resume=out.exists(),
            device=self.told.device,
            skip_bad=self.told.skip_bad,
            reporter=self.reporter,
            **looks,
        )
        return out

    def found(self, source: str, name: str) -> Path:
        """Return where the detections of a way to look are."""
        return self.place("found", f"{source}-{name}")

    def selected(self, found: Path, selection: dict[str, Any]) -> Path:
        """Select from kept scores; return the detections."""
        out = found / "-".join(map(str, selection.values()))
        ensemble(found, out=out, exist_ok=True, reporter=self.reporter, **selection)
        return out / "detections.json"

    def score(self, detections: Path) -> dict[str, float]:
        """Return "AP50" (voc2012) and "AP" (coco, 0.50 to 0.95) on the images looked at.

        Means over the classes that are learned: a recipe may leave some out.
        """
        told = self.told
        found = evaluate(
            told.data,
            split=self.looked_split,
            detections=detections,
            protocol="all",
            skip_bad=told.skip_bad,
        ).protocols
        learned = self.classes or self.splits.learned.classes
        voc, coco = (found[name].per_class for name in ("voc2012", "coco"))
        scored = [name for name in voc if name in learned]
        return {
            "AP50": _mean(voc[name].ap for name in scored),
            "AP": _mean(coco[name].ap_50_95 or 0.0 for name in scored),
        }


def _mean(values: Iterable[float]) -> float:
    """Return the mean; 0 where no class that is learned has an object."""
    return round(fmean(found), 4) if (found := list(values)) else 0.0


def _beginning(changes: tuple[str, ...], begun: Path | None) -> tuple[str, ...]:
    """Return the changes of a recipe: an `init` is where the first fit begins, and no later."""
    if begun is None:
        return changes
    return tuple(one for one in changes if recipes.key(one) != "init")


def _told(steps: Callable[[int], int]) -> int | None:
    """Return the steps of a recipe where they are the same whatever is planned."""
    one, other = steps(1), steps(2)
    return one if one == other else None
