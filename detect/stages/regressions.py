"""What `detect train-regression` wrote, opened with the network that it takes the features of."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from detect.detector.refine import RegionEncoder
    from detect.models.box_regression import BoxRegression
    from detect.models.cards import RegionClassifierCard
    from detect.models.checkpoints import Fitted
    from detect.models.region_classifier import RegionClassifier

    Model = tuple[RegionClassifier, RegionClassifierCard]


def open_regression(
    path: Path,
    network: Path,
    model: "Model",
    device: "torch.device",
    precision: str,
    batch_size: int | None = None,
) -> tuple["RegionEncoder", "Fitted[BoxRegression]"]:
    """Return what gives the features of regions, and the regression at `path` on these.

    DataError where it is not of the `model` at `network`, or broken.
    """
    from detect.detector.refine import RegionEncoder
    from detect.models.checkpoints import features_of, load_fitted
    from detect.models.kinds import BOX_REGRESSION
    from detect.models.model_files import model_hash

    maps, grid = features_of(path, BOX_REGRESSION)
    encoder = RegionEncoder(*model, device, precision, batch_size, maps, grid)
    return encoder, load_fitted(path, BOX_REGRESSION, model_hash(network), encoder.dimensions)
