"""Trained networks as one object that finds things in images."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import repeat, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from pydantic import Field

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import AGAIN, Rounds
from detect.errors import UsageError, option
from detect.progress import QUIET, Reporter
from detect.proposals.settings import Search
from detect.stages import options as o
from detect.stages import selection
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import detector_among, with_detector
from detect.stages.engines import Engine, check_engines, device_of, open_networks
from detect.stages.recorded import recorded_source
from detect.stages.regressions import open_regression
from detect.stages.scoring import (
    Again,
    Mirror,
    Models,
    RoundCount,
    Svm,
    check_alone,
    check_compile,
    compile_if_it_pays,
    lowest,
    network_paths,
    rounds_of,
    scoring,
)
from detect.stages.sources import Source
from detect.structures import Detections, Image, Proposals

if TYPE_CHECKING:
    import torch

    from detect.detector import RegionScorer
    from detect.models.cards import RegionClassifierCard
    from detect.models.region_classifier import RegionClassifier

    Model = tuple[RegionClassifier, RegionClassifierCard]

Refine = Callable[[Image, Detections], Detections]
ImageLike = Image | Path | str


class LoadOptions(o.Options):
    """What `load` is told."""

    model: Models
    svm: Svm = None
    regression: Literal["on", "off"] | Path = Field(
        "on",
        description="Whether regions move by what the networks say, where they learned to; or, "
        "from detect train-regression, what moves the detections of the one "
        f"{option('model')} instead.",
    )
    multibox: o.Paths = Field(
        (),
        description="The MultiBox network, or those of all folds, that proposed for the "
        f"{option('model')}'s training. [default: looked for beside its run]",
    )
    search: Search | None = Field(
        None,
        description="Selective Search of our own, or OpenCV's: the same boxes, slower. "
        "[default: the training's]",
    )
    threshold: float | None = Field(
        None, description=f"Lowest score of a detection. [default: 0.01; -1 with {option('svm')}]"
    )
    kind: selection.Kind = Combination.kind
    vote: selection.Vote = Combination.vote
    mirror: Mirror = False
    rounds: RoundCount = Rounds.count
    again: Again = AGAIN
    nms: selection.Nms = Combination.nms
    per_class: selection.PerClass = Combination.per_class
    decay: selection.Decay = Combination.decay
    sigma: selection.Sigma = Combination.sigma
    fusion_iou: selection.FusionIou = Combination.fusion_iou
    batch_size: o.BatchSize = None
    engine: Engine = None
    precision: o.Precision = "auto"
    compile: o.Compile = "auto"
    device: o.Device = "auto"


@dataclass(frozen=True, eq=False)
class Detector:
    """Finds objects in images: `source` proposes, `scorer` scores and selects, `refine` moves.

    `load` makes one. `source.recipe` says how it proposes, `thresholds` from which score a class is
    shown, if any were chosen.
    """

    scorer: "RegionScorer"
    source: Source
    refine: Refine | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of what it finds."""
        return self.scorer.classes

    # A path is an iterable of text as well: it is one image.
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, images: ImageLike, proposals: Proposals | None = None
    ) -> Detections: ...
    @overload
    def __call__(
        self, images: Iterable[ImageLike], proposals: Iterable[Proposals] | None = None
    ) -> list[Detections]: ...
    def __call__(
        self,
        images: ImageLike | Iterable[ImageLike],
        proposals: Proposals | Iterable[Proposals] | None = None,
    ) -> Detections | list[Detections]:
        """Detect in an image, RGB uint8 (H, W, 3) or a path, or in each of several.

        Regions are proposed, unless `proposals` has those of the image, or of each. Detections
        are best first, with the id of their proposals: a path's name without ending, None for
        pixels. UsageError for what is no image, DataError for one that cannot be read, and for
        proposals of another image.
        """
        if isinstance(images, str | Path | np.ndarray) or not isinstance(images, Iterable):
            (found,) = self._found([images], None if proposals is None else [proposals])
            return found
        return list(self._found(images, proposals))

    def candidates(self, image: ImageLike, proposals: Proposals | None = None) -> Detections:
        """Return what NMS chooses the detections of `image` from: every region of every class.

        Best first, those of all rounds that score the detector's threshold or more; moved as the
        networks say, and by no other regression. Otherwise as a call.
        """
        pixels, regions = self._pair(image, proposals)
        every = self.scorer.localised(pixels, regions)
        found = self.scorer.candidates(every.proposals, every.outputs)
        return replace(found, image_id=found.image_id or None)

    def _found(self, images: Iterable[Any], proposals: Any) -> Iterator[Detections]:
        """Yield the detections of each image, a few images in memory."""
        pairs = (self._pair(*one) for one in _together(images, proposals))
        shown = tuple(self.thresholds[name] for name in self.classes if self.thresholds)
        with closing(self.scorer.stream(pairs)) as stream:
            for image, found in stream:
                moved = found if self.refine is None else self.refine(image, found)
                yield replace(moved, image_id=moved.image_id or None, thresholds=shown)

    def _pair(self, given: Any, proposals: Any) -> tuple[Image, Proposals]:
        """Return the pixels of an image and its regions; those of pixels have the id ""."""
        from detect.images import as_image

        image = as_image(given, "images")
        if proposals is None:
            name = Path(given).stem if isinstance(given, str | Path) else ""
            return image, self.source.propose(image, name)
        if not isinstance(proposals, Proposals):
            kind = type(proposals).__name__
            raise UsageError(f"{option('proposals')}: expected Proposals of the image, got {kind}.")
        return image, proposals


def _together(images: Iterable[Any], proposals: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each image with its proposals, None without any; UsageError if some lack them."""
    if proposals is None:
        yield from zip(images, repeat(None))
        return
    each = () if isinstance(proposals, Proposals) else proposals
    for image, own in zip_longest(images, each):
        if image is None or own is None:
            raise UsageError(
                f"{option('proposals')}: expected one Proposals for each of the images."
            )
        yield image, own


@by_keywords
def load(options: LoadOptions, reporter: Reporter = QUIET) -> Detector:
    """Open a trained network, an ensemble, or several networks, to detect with.

    It proposes as its training's proposals were made, if they were by detect propose; otherwise
    by Selective Search, preset rcnn, and a warning says why. Raises UsageError for options
    that do not go together, DataError for models that are wrong or do not belong together,
    EnvironmentProblem for a machine that cannot.
    """
    detector = detector_among(options.model)
    options = with_detector(options, detector)
    networks = network_paths(options.model)
    check_compile(options.compile, options.svm)
    check_engines(options, networks)
    if options.svm is not None:
        check_alone(networks, "svm", "SVMs score the features of the one they were")
    if isinstance(options.regression, Path):
        check_alone(networks, "regression", "it takes the features of the one it was")
    threshold = lowest("threshold", options.threshold, options.svm)
    combination = selection.combination_of(options, threshold, probabilities=options.svm is None)
    rounds = rounds_of(options)
    from detect.detector import RegionScorer

    device = device_of(options, networks)
    models = open_networks(options, networks, device)
    scorer = RegionScorer(
        models,
        device,
        score=scoring(options.svm, networks[0], models[0], mirror=options.mirror),
        batch_size=options.batch_size,
        precision=options.precision,
        regression=options.regression == "on" and options.svm is None,
        combination=combination,
        rounds=rounds,
    )
    compile_if_it_pays(scorer, options.compile, options.svm, None, reporter)
    refine = _refine(options, networks[0], models[0], scorer.classes, device)
    if detector is not None:
        source = detector.source(options.device, options.search)
        thresholds = detector.card.thresholds if options.svm is None else {}
        return Detector(scorer, source, refine, thresholds)
    told = (networks, options.multibox, options.device, reporter)
    return Detector(scorer, recorded_source(*told, search=options.search), refine)


def _refine(
    options: LoadOptions,
    network: Path,
    model: "Model",
    classes: Sequence[str],
    device: "torch.device",
) -> Refine | None:
    """Return what moves boxes as `detect refine` does; None if not told. DataError as it."""
    if not isinstance(options.regression, Path):
        return None
    from detect.detector.refine import refine

    how = (device, options.precision, options.batch_size)
    encoder, stored = open_regression(options.regression, network, model, *how)
    rows, nms = stored.rows(classes), options.nms
    return lambda image, found: refine(image, found, encoder, stored.parameters, rows, nms)
