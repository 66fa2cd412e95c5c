"""What `--method` chooses: what proposes, and the recipe that says how."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
from joblib import cpu_count

from detect.cli.methods import BOTH, MULTIBOX, SEARCH
from detect.proposals.merge import NEAR_DUPLICATE, Both
from detect.proposals.selective_search import propose, segmentation_module
from detect.proposals.settings import Settings
from detect.proposals.worker import Propose

if TYPE_CHECKING:
    from detect.proposals.multibox import MultiBoxPropose


@dataclass(frozen=True)
class Source:
    """What proposes and what decides its boxes; `one_process` where more would only wait."""

    propose: Propose
    recipe: dict[str, Any]
    one_process: bool = False

    def workers(self, given: int | None) -> int:
        """Return the number of processes: --workers, or one a core where they would not wait."""
        if given is not None:
            return max(1, given)
        return 1 if self.one_process else int(cpu_count())


@dataclass(frozen=True)
class MultiBoxChoice:
    """The options of MultiBox; None is what the model's card says."""

    models: Sequence[Path]
    device: str
    precision: str
    views: str | None = None
    nms: float | None = None
    boxes: int | None = None


def make_source(method: str, settings: Settings, seed: int, choice: MultiBoxChoice) -> Source:
    """Return the source of `method`, ready: OpenCV and the models are checked.

    Raises EnvironmentProblem and DataError as Selective Search and MultiBox do.
    """
    if method == SEARCH:
        return _search(settings, seed)
    network = _network(choice)
    if method == MULTIBOX:
        recipe = {"method": MULTIBOX, **network.recipe(), "opencv": cv2.__version__}
        # Workers would take turns at the one GPU.
        return Source(network, recipe, one_process=network.device != "cpu")
    return _both(_search(settings, seed), network)


def _search(settings: Settings, seed: int) -> Source:
    segmentation_module()
    recipe = {
        "method": SEARCH,
        "parameters": _json_ready(asdict(settings)) | {"seed": seed},
        "opencv": cv2.__version__,
    }
    return Source(partial(propose, settings=settings, seed=seed), recipe)


def _json_ready(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _network(choice: MultiBoxChoice) -> "MultiBoxPropose":
    from detect.models.device import choose_device
    from detect.proposals.multibox import multibox_propose

    return multibox_propose(
        choice.models,
        choose_device(choice.device),
        views=choice.views,
        nms=choice.nms,
        boxes=choice.boxes,
        precision=choice.precision,
    )


def _both(search: Source, network: "MultiBoxPropose") -> Source:
    own = network.recipe()
    parameters = {
        SEARCH: search.recipe["parameters"],
        MULTIBOX: own["parameters"],
        "near_duplicate": NEAR_DUPLICATE,
    }
    recipe = {**search.recipe, **own, "method": BOTH, "parameters": parameters}
    return Source(Both(search.propose, network), recipe)
