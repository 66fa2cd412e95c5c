"""A detector's folder: networks, what proposes for them, how to select; copied, it works elsewhere.

DIR/detector.json names the parts with their hashes; networks/N.safetensors classify,
multibox/N.safetensors propose. Written by `train`; every stage that takes a model takes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from detect.ensemble.combination import Combination
from detect.errors import DataError, UsageError, option
from detect.files import write_json
from detect.formats import stamped, upgraded
from detect.proposals.settings import PRESETS, Preset, Search
from detect.reading import read_object
from detect.stages.options import Options
from detect.stages.sources import SEARCH, Method, MultiBoxChoice, Source, make_source
from detect.storage.scores_card import DecayKind, Kind, Names, Probability, Vote
from detect.together import settle

NAME = "detector.json"
# Ours; what moves at all has moved by then, and a card gone wrong must not run for days.
MOST_ROUNDS = 10
_WHAT = "the card of a detector"
_REMEDY = "Copy the whole folder again, or make it anew with detect train."
# What decides the selection by each kind, beside per_class.
_OF_KIND = {
    "nms": ("nms", "vote"),
    "wbf": ("nms", "fusion_iou"),
    "linear": ("nms", "decay", "vote"),
    "gaussian": ("sigma", "decay", "vote"),
}
Chosen = TypeVar("Chosen", bound=Options)


@dataclass(frozen=True)
class Part:
    """A model of the folder: its `file`, relative, and its `hash`."""

    file: Annotated[str, Field(pattern=r"^(networks|multibox)/[0-9]{1,3}\.safetensors$")]
    hash: str


@dataclass(frozen=True)
class Selection:
    """How scores become detections; fields as in Combination."""

    kind: Kind
    nms: Probability
    per_class: Annotated[int, Field(ge=1)]
    decay: DecayKind
    sigma: Annotated[float, Field(gt=0)]
    fusion_iou: Probability
    vote: Vote


@dataclass(frozen=True)
class Looks:
    """How often a region is looked at: its `mirror` image as well, `rounds` of `again` regions."""

    mirror: bool
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
    again: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class DetectorCard:
    """What detector.json says.

    `classes` in the order of the labels; `networks` and `multibox`; `method`, `preset` and `search`
    propose, with `seed`; `looks` at every region; `selection`; `thresholds` by class: from which
    score a detection is shown; `figures` of what it was measured to do, and on what.
    """

    classes: Names
    networks: Annotated[tuple[Part, ...], Field(min_length=1)]
    multibox: tuple[Part, ...]
    method: Method
    preset: Preset
    search: Search
    seed: Annotated[int, Field(ge=0)]
    looks: Looks
    selection: Selection
    thresholds: Mapping[str, Probability]
    figures: dict[str, Any] = field(default_factory=dict)

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True)
class StoredDetector:
    """The detector in the folder `path`, with its parts as they were when it was made."""

    path: Path
    card: DetectorCard

    @property
    def networks(self) -> tuple[Path, ...]:
        """The files of the networks."""
        return tuple(self.path / part.file for part in self.card.networks)

    @property
    def multibox(self) -> tuple[Path, ...]:
        """The files of the MultiBox networks."""
        return tuple(self.path / part.file for part in self.card.multibox)

    def source(self, device: str, search: Search | None) -> Source:
        """Return what proposes on `device`, with another `search` than the detector's if given."""
        choice = MultiBoxChoice(self.multibox, device, "auto")
        settings = replace(PRESETS[self.card.preset], search=search or self.card.search)
        return make_source(self.card.method, settings, self.card.seed, choice)


def is_detector(path: Path) -> bool:
    """Tell whether `path` is the folder of a detector."""
    settle(path)
    return (path / NAME).is_file()


def read_detector(path: Path) -> StoredDetector:
    """Read the detector in the folder `path`; DataError unless all of its parts are there."""
    from detect.models.model_files import model_hash, read_card

    where = path / NAME
    values = upgraded(read_object(where, _WHAT, _REMEDY), "detector card", where)
    try:
        card = TypeAdapter(DetectorCard).validate_json(_as_json(values))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise DataError(f"{where}: not {_WHAT} ({place}: {problem['msg']}). {_REMEDY}") from None
    if set(card.thresholds) != set(card.classes):
        raise DataError(f"{where}: not {_WHAT} (thresholds of other classes). {_REMEDY}")
    if bool(card.multibox) != (card.method != SEARCH):
        raise DataError(f"{where}: not {_WHAT} (multibox: not as method needs it). {_REMEDY}")
    for part in (*card.networks, *card.multibox):
        if not (path / part.file).is_file():
            raise DataError(f"{path / part.file}: missing, a part of this detector. {_REMEDY}")
        if (found := model_hash(path / part.file)) != part.hash:
            raise DataError(
                f"{path / part.file}: another model than the one this detector was made of "
                f"(expected {part.hash}, got {found}). {_REMEDY}"
            )
    for part in card.networks:
        if set(read_card(path / part.file)["classes"]) != set(card.classes):
            raise DataError(f"{where}: not {_WHAT} (classes: not those of {part.file}). {_REMEDY}")
    return StoredDetector(path, card)


def write_card(path: Path, card: DetectorCard) -> None:
    """Write detector.json into the folder `path`."""
    write_json(path / NAME, stamped(asdict(card)))


def selection_of(combination: Combination) -> Selection:
    """Return how `combination` selects, its threshold aside."""
    values = asdict(combination)
    values.pop("threshold")
    return Selection(**values)


def detector_among(models: Sequence[Path]) -> StoredDetector | None:
    """Return the detector that `models` are, None if they are networks.

    UsageError for a detector among others: it has thresholds and a selection of its own.
    """
    folders = [path for path in models if is_detector(path)]
    if folders and len(models) > 1:
        raise UsageError(
            f"{option('model', folders[0])} is a whole detector: give it alone, or its networks "
            f"({folders[0] / 'networks'}) one by one."
        )
    return read_detector(folders[0]) if folders else None


def with_detector(options: Chosen, detector: StoredDetector | None) -> Chosen:
    """Return `options` with what the detector says and the caller did not: source, selection.

    Stored proposals stand for its source, a kind given for its selection, and so do SVMs: it was
    chosen for probabilities. UsageError for other MultiBox networks where no method can be told.
    """
    if detector is None:
        return options
    values = dict(_looks(options, detector.card.looks))
    values |= _selection(options, detector.card.selection)
    if getattr(options, "proposals", None) is None:
        values |= _source(options, detector)
    values = {name: value for name, value in values.items() if name in type(options).model_fields}
    return options.changed(**values) if values else options


def _looks(options: Options, looks: Looks) -> Mapping[str, Any]:
    """Return how often to look; once where networks move no boxes, and without `again` then."""
    told = {name: value for name, value in asdict(looks).items() if not options.gave(name)}
    still = options.gave("svm") or getattr(options, "regression", "on") != "on"
    if still or getattr(options, "rounds", 1) == told.get("rounds", 1) == 1:
        told = {name: value for name, value in told.items() if name == "mirror"}
    return told


def _selection(options: Options, selection: Selection) -> Mapping[str, Any]:
    if options.gave("kind", "svm"):
        return {}
    told = asdict(selection)
    chosen = _OF_KIND[selection.decay if selection.kind == "soft-nms" else selection.kind]
    names = ["kind", "per_class", *chosen]
    return {name: told[name] for name in names if not options.gave(name)}


def _source(options: Options, detector: StoredDetector) -> Mapping[str, Any]:
    """Return how regions are proposed, unless the caller says so."""
    fields = type(options).model_fields
    if options.gave("multibox") and "method" not in fields:
        raise UsageError(
            f"{option('model', detector.path)} is a whole detector, which says what proposes: "
            f"leave {option('multibox')} out."
        )
    if options.gave(*{"method", "preset", "multibox"} & fields.keys()):
        return {}
    values: dict[str, Any] = {"method": detector.card.method}
    if detector.card.method != "multibox":
        card = detector.card
        values |= {"preset": card.preset, "search": card.search, "seed": card.seed}
    if detector.card.method != SEARCH:
        values["multibox"] = detector.multibox
    return {name: value for name, value in values.items() if not options.gave(name)}


def _as_json(values: Mapping[str, Any]) -> str:
    import json

    return json.dumps(values)
