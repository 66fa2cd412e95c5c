"""What proposes regions, as the options of a stage choose it, and the recipe that says how."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from detect.errors import UsageError, option
from detect.proposals.settings import Search, SearchSettings
from detect.stages.options import Options, Paths

if TYPE_CHECKING:
    from detect.proposals.multibox import MultiBoxPropose
    from detect.proposals.worker import Propose

Method = Literal["selective-search", "multibox", "both"]
ChosenMethod = Annotated[
    Method,
    Field(description="What proposes; both: Selective Search, then what MultiBox adds."),
]
MultiBoxModels = Annotated[
    Paths,
    Field(
        description="A run folder or .safetensors file of MultiBox or one trunk, or an exported "
        "MultiBox; several: one for each fold, each proposes for the images it did not see.",
    ),
]
SEARCH, MULTIBOX, BOTH = "selective-search", "multibox", "both"
# What a detector of one trunk notes that was trained on what it proposes itself.
OWN = "own"
OPENCV: Search = "opencv"
ChosenSearch = Annotated[
    Search,
    Field(description="Selective Search of our own, or OpenCV's: the same boxes, slower."),
]
# A process takes as long to start as some images to search in (ours).
_TO_START = 4
# What a recipe does not say: it was true of all recipes when there was no choice.
_UNSAID = (("search", OPENCV), ("ranking", "area"))


@dataclass(frozen=True)
class Source:
    """What proposes and what decides its boxes; `one_process` where more would only wait."""

    propose: "Propose"
    recipe: dict[str, Any]
    one_process: bool = False

    def workers(self, given: int | None, images: int) -> int:
        """Return the number of processes for so many `images`.

        Those given, or one a core where they do not wait and each has some images to do.
        """
        from joblib import cpu_count

        if given is not None:
            return max(1, given)
        return 1 if self.one_process else min(int(cpu_count()), max(1, images // _TO_START))


@dataclass(frozen=True)
class MultiBoxChoice:
    """The options of MultiBox; None is what the model's card says."""

    models: Sequence[Path]
    device: str
    precision: str
    views: str | None = None
    nms: float | None = None
    boxes: int | None = None


def check_method(
    options: Options, method: str, *, search: Sequence[str], multibox: Sequence[str]
) -> None:
    """Raise UsageError where an option given means nothing to `method`, or MultiBox has no model.

    `search` and `multibox` name the options that only the one or the other source obeys.
    """
    if method == SEARCH:
        also = f"Choose {option('method', MULTIBOX)} or {BOTH}"
        _refuse(options, multibox, option("method", SEARCH), also)
    elif method == MULTIBOX:
        _refuse(options, search, option("method", MULTIBOX), f"Choose {option('method', BOTH)}")
    if method != SEARCH and "multibox" not in options.gave("multibox"):
        raise UsageError(
            f"{option('method', method)}: {option('multibox')} is missing: the run folder of "
            "detect train-multibox, or a .safetensors file."
        )


def _refuse(options: Options, names: Sequence[str], with_what: str, instead: str) -> None:
    """Raise UsageError for the first of the options `names` that was given."""
    for name in options.gave(*names):
        raise UsageError(
            f"{option(name)} means nothing with {with_what}. {instead}, or leave it out."
        )


def make_source(method: str, settings: SearchSettings, seed: int, choice: MultiBoxChoice) -> Source:
    """Return the source of `method`, ready: OpenCV and the models are checked.

    Raises EnvironmentProblem and DataError as Selective Search and MultiBox do.
    """
    import cv2

    if method == SEARCH:
        return _search(settings, seed)
    network = _network(choice)
    if method == MULTIBOX:
        recipe = {"method": MULTIBOX, **network.recipe(), "opencv": cv2.__version__}
        # Workers would take turns at the one GPU.
        return Source(network, recipe, one_process=network.device != "cpu")
    return _both(_search(settings, seed), network)


def _search(settings: SearchSettings, seed: int) -> Source:
    import cv2

    from detect.proposals.selective_search import propose, search_module, segmentation_module

    if settings.search == OPENCV:
        segmentation_module()
    else:
        search_module().prepare()  # here, so that workers find it compiled
    values = {name: v for name, v in asdict(settings).items() if (name, v) not in _UNSAID}
    recipe = {
        "method": SEARCH,
        "parameters": _json_ready(values) | {"seed": seed},
        "opencv": cv2.__version__,
    }
    return Source(partial(propose, settings=settings, seed=seed), recipe)


def recorded_search(recipe: Mapping[str, Any]) -> Search | None:
    """Return the search that a `recipe` of proposals is of, None where it is of none."""
    parameters = recipe.get("parameters", {})
    if recipe.get("method") == BOTH:
        parameters = parameters.get(SEARCH)
    elif recipe.get("method") != SEARCH:
        return None
    try:
        return recorded_settings(parameters).search
    except (KeyError, TypeError, ValueError):
        return None


def recorded_settings(parameters: Mapping[str, Any]) -> SearchSettings:
    """Read the settings from a recipe's `parameters` of Selective Search.

    KeyError, TypeError or ValueError where they are none.
    """
    known = dict(_UNSAID) | dict(parameters)
    chosen: dict[str, Any] = {field.name: known[field.name] for field in fields(SearchSettings)}
    for name, value in chosen.items():
        chosen[name] = tuple(value) if isinstance(value, list) else value
    return SearchSettings(**chosen)


def _json_ready(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _network(choice: MultiBoxChoice) -> "MultiBoxPropose":
    from detect.models.device import choose_device
    from detect.models.exported.forms import form_of
    from detect.proposals.multibox import multibox_propose

    exported = any(form_of(path) is not None for path in choice.models)
    return multibox_propose(
        choice.models,
        choose_device("cpu" if exported and choice.device == "auto" else choice.device),
        views=choice.views,
        nms=choice.nms,
        boxes=choice.boxes,
        precision=choice.precision,
    )


def _both(search: Source, network: "MultiBoxPropose") -> Source:
    from detect.proposals.merge import NEAR_DUPLICATE, Both

    own = network.recipe()
    parameters = {
        SEARCH: search.recipe["parameters"],
        MULTIBOX: own["parameters"],
        "near_duplicate": NEAR_DUPLICATE,
    }
    recipe = {**search.recipe, **own, "method": BOTH, "parameters": parameters}
    return Source(Both(search.propose, network), recipe)
