"""The folder of the detector that was trained: its parts copied, its card, its figures."""

from pathlib import Path
from typing import Any

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import AGAIN
from detect.files import write_bytes, write_text
from detect.reading import read_bytes, read_text
from detect.stages.detector_folder import (
    NAME,
    DetectorCard,
    Looks,
    Part,
    is_detector,
    selection_of,
    write_card,
)
from detect.stages.members import member_folders
from detect.stages.train.choosing import LOOKS, SELECTIONS, SOURCES
from detect.stages.train.looked_at import looked_at
from detect.stages.train.making import Making
from detect.stages.train.work import NAME as RECORD
from detect.together import together

_MODEL_BYTES = 2**34


def thresholds_of(making: Making, detections: Path) -> dict[str, float]:
    """Return from which score each class that is learned is shown.

    That of the best F1 on the images looked at; SHOWN for a class without an object there.
    """
    from detect.evaluation.flat import FlatDetections
    from detect.evaluation.thresholds import best_thresholds
    from detect.storage.detections import read_columns

    chosen = looked_at(making)
    found = best_thresholds(chosen, FlatDetections(*read_columns(detections, chosen)))
    classes = making.classes or making.splits.learned.classes
    return {name: round(found[name], 4) for name in classes}


def write_detector(making: Making, networks: Path, multibox: tuple[Path, ...]) -> None:
    """Put the detector into OUT, in one step: an earlier one stays until it is complete.

    With a copy of what its choices were made on, for `report`: work/ may be deleted.
    """
    from detect.models.model_files import find_weights, model_hash, read_card
    from detect.proposals.settings import PRESETS

    choices = making.work.choices
    source = choices["regions"]["result"]["chosen"]
    selected = choices["selection"]["result"]
    method, preset = SOURCES[source]
    out = making.told.out
    # Folders of these names beside no detector are somebody else's.
    earlier = (NAME, RECORD, "networks", "multibox") if is_detector(out) else ()
    with together(out, [out / name for name in earlier]) as folder:
        parts = {"networks": member_folders(networks), "multibox": multibox}
        card_parts: dict[str, tuple[Part, ...]] = {}
        for kind, paths in parts.items():
            (folder / kind).mkdir(parents=True)
            files = [f"{kind}/{number}.safetensors" for number in range(1, len(paths) + 1)]
            for file, path in zip(files, paths, strict=True):
                _copy(find_weights(path), folder / file)
            card_parts[kind] = tuple(Part(file, model_hash(folder / file)) for file in files)
        making.work.copy_record(folder / RECORD)
        # Those that were learned: a recipe may leave classes out.
        classes = tuple(read_card(folder / card_parts["networks"][0].file)["classes"])
        thresholds = choices["thresholds"]["result"]
        looks = {"mirror": False, "rounds": 1, "again": AGAIN} | LOOKS[selected["looks"]]
        kind, vote = (SELECTIONS[selected["selection"]][name] for name in ("kind", "vote"))
        write_card(
            folder,
            DetectorCard(
                classes=classes,
                networks=card_parts["networks"],
                multibox=card_parts["multibox"],
                method=method,
                preset=preset,
                search=PRESETS[preset].search,
                seed=0,
                looks=Looks(**looks),
                selection=selection_of(Combination(kind=kind, vote=vote)),
                thresholds={name: thresholds[name] for name in classes},
                figures=figures_of(making),
            ),
        )


def figures_of(making: Making) -> dict[str, Any]:
    """Return what the fit without the held-out images does on these."""
    chosen = making.work.choices["selection"]["result"]
    figures = chosen["tried"][f"{chosen['looks']}/{chosen['selection']}"]
    return {**figures, "images": making.looked, "of": "held-out images"}


def _copy(source: Path, target: Path) -> None:
    """Copy a model and its card."""
    write_bytes(target, read_bytes(source, "a model", _MODEL_BYTES))
    card = read_text(source.with_suffix(".json"), "a model's card")
    write_text(target.with_suffix(".json"), card)
