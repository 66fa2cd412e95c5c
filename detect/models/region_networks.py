"""The networks that score regions: of crops of their pixels, or of the maps of one trunk."""

from pathlib import Path

from detect.models.cards import RegionClassifierCard
from detect.models.checkpoints import kind_among, load_model
from detect.models.kinds import REGION_CLASSIFIER, SHARED
from detect.models.region_classifier import RegionClassifier
from detect.models.shared import SharedNetwork
from detect.models.shared_card import SharedCard

RegionNetwork = RegionClassifier | SharedNetwork
RegionCard = RegionClassifierCard | SharedCard


def load_region_network(path: Path) -> tuple[RegionNetwork, RegionCard]:
    """Read the network at `path` that scores regions, as load_model; DataError if it is none."""
    found: tuple[RegionNetwork, RegionCard] = load_model(
        path, kind_among(path, (REGION_CLASSIFIER, SHARED))
    )
    return found
