"""Which of the held-out images regions are looked at in: as many as there is time for."""

from pathlib import Path
from typing import TYPE_CHECKING

from detect.errors import DataError, option
from detect.files import write_text
from detect.progress import SILENT
from detect.stages.opening import open_data
from detect.stages.train.making import LOOKED_AT, Making

if TYPE_CHECKING:
    from detect.structures import Dataset

# Of fewer nothing can be told; a source whose regions there is no time for in these is too dear
# (ours).
FEWEST = 20
# Of fewer objects of a class one more or less that is found moves its AP by ten points (ours).
_FEW, _NAMED = 10, 3
# A list of its own: on resume it is tried anew, and LOOKED_AT is what was chosen.
_TRIED = "fewest.txt"


def fewest(making: Making) -> int:
    """Return how many of the held-out images are looked at in any case.

    All of a set of which no part can be read by a list: two JSONs that both number from 1, say.
    """
    held = len(making.splits.chosen)
    return held if held <= FEWEST or _listed(making, FEWEST, _TRIED) is None else FEWEST


def choose_looked_at(making: Making, possible: float) -> int:
    """Return how many images are looked at where there is time for `possible`; list them.

    FEWEST at least, and all where a list cannot tell them. They have every class about as often as
    the rest, and are the same in every call.
    """
    held = len(making.splits.chosen)
    count = max(min(held, FEWEST), min(held, int(possible)))
    return held if count == held or _listed(making, count, LOOKED_AT) is None else count


def looked_at(making: Making) -> "Dataset":
    """Return the images that are looked at."""
    if making.looked == len(making.splits.chosen):
        return making.splits.chosen
    return _open(making, making.place(LOOKED_AT))


def few_objects(making: Making) -> str | None:
    """Return what to say where a class has few objects in the images that are looked at."""
    from detect.data.halves import class_counts

    seen = looked_at(making)
    counts = class_counts(seen, difficult=False).sum(axis=0).tolist()
    learned = making.classes or seen.classes
    found = zip(seen.classes, counts, strict=True)
    few = [f"{name} {count}" for name, count in found if count < _FEW and name in learned]
    if not few:
        return None
    more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
    return (
        f"few objects in the {len(seen)} images that the figures are of: {', '.join(few[:_NAMED])}"
        f"{more}. What unseen images have may be far from them, and other choices better. Label "
        f"more, or name more images to choose on with {option('val_split')}."
    )


def _listed(making: Making, count: int, name: str) -> "Dataset | None":
    """List `count` of the held-out images as `name`, and read them; None where a list cannot."""
    path = making.place(name)
    write_text(path, "".join(f"{one}\n" for one in _drawn(making, count)))
    try:
        return _open(making, path)
    except DataError:
        return None


def _drawn(making: Making, count: int) -> list[str]:
    import numpy as np

    from detect.data.halves import class_counts
    from detect.data.held_out import held_out

    samples = making.splits.chosen.samples
    counts = class_counts(making.splits.chosen, difficult=False)
    rng = np.random.default_rng(making.told.seed)
    places = held_out(counts, count / len(samples), rng, leave=False)
    return [samples[place].image_id for place in places.tolist()]


def _open(making: Making, path: Path) -> "Dataset":
    return open_data(making.told.data, str(path), SILENT, skip_bad=making.told.skip_bad)
