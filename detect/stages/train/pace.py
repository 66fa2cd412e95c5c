"""How fast this machine trains, searches and classifies: a little of each, on the user's images."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from detect.errors import DataError
from detect.stages.train.budget import REGIONS, Pace
from detect.stages.train.making import Making

if TYPE_CHECKING:
    from detect.config import AnyRecipe
    from detect.structures import Proposals


def measure_pace(making: Making) -> Pace:
    """Return the seconds of a step of each training, of searching in an image, of a region."""
    from detect.data import read_pixels
    from detect.detector.region_time import time_regions
    from detect.models.device import choose_device
    from detect.models.region_networks import load_region_network

    told = making.told
    making.reporter.say("timing this machine ...")
    with TemporaryDirectory() as folder:
        first, second = Path(folder, "multibox"), Path(folder, "networks")
        multibox_step = _step(making, making.multibox_recipe(100), first)
        classifier_step = _step(making, making.recipe(100), second)
        search, proposals = _search(making)
        model, card = load_region_network(second / "weights" / "last.safetensors")
    samples = {sample.image_id: sample for sample in making.splits.chosen.samples}
    # Of one trunk, which takes most of the time of a few regions, as many as are looked at.
    most = slice(REGIONS if making.one_trunk else None)
    pairs = [(read_pixels(samples[one.image_id]), one.take(most)) for one in proposals]
    device = choose_device(told.device)
    # In the precision that `detect` takes by itself, whatever the recipe trains in.
    region = time_regions(model, card, device, "auto", pairs)
    return Pace(multibox_step, classifier_step, search, region.seconds)


def _step(making: Making, recipe: "AnyRecipe", folder: Path) -> float:
    from detect.models.device import choose_device
    from detect.runs import RunFolder
    from detect.training.call import Call
    from detect.training.rehearsal import rehearse

    call = Call(RunFolder(folder), choose_device(making.told.device), reporter=making.reporter)
    return rehearse(recipe, making.splits.learned, call).seconds


def _search(making: Making) -> tuple[float, tuple["Proposals", ...]]:
    """Return the seconds of an image, shared by the workers, and the proposals of those timed.

    DataError where there is no region to time.
    """
    from joblib import cpu_count

    from detect.proposals.estimate import measure
    from detect.proposals.settings import PRESETS
    from detect.stages.sources import SEARCH, MultiBoxChoice, make_source

    choice = MultiBoxChoice((), making.told.device, "auto")
    source = make_source(SEARCH, PRESETS["rcnn"], 0, choice)
    found = measure(source.propose, making.splits.chosen.samples)
    if not any(map(len, found.proposals)):
        raise DataError(
            f"{making.told.data}: no region in any of the {found.timed} images timed, such as "
            f"{found.proposals[0].image_id}. Are they too small? A region has sides of 10 px."
        )
    return found.seconds_per_image / int(cpu_count()), found.proposals
