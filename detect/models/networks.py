"""A classifier or a trunk by the name of its variant: GoogLeNet's, or a network of timm's."""

from detect.models.googlenet import GoogLeNet
from detect.models.timm_networks import TimmMaps, TimmNetwork
from detect.trunks import timm_name

AnyNetwork = GoogLeNet | TimmNetwork | TimmMaps
AnyClassifier = GoogLeNet | TimmNetwork


def build_classifier(
    num_outputs: int,
    variant: str,
    width: float = 1.0,
    auxiliary: bool = True,
    dropout: float | None = None,
    maps: str = "5b",
) -> AnyClassifier:
    """Return a network of `variant` with `num_outputs`; the other arguments are GoogLeNet's.

    `maps` are those that its `with_maps` can return. Networks of timm have no auxiliary
    classifiers; ValueError for a `width` of theirs.
    """
    if not timm_name(variant):
        return GoogLeNet(num_outputs, variant, width, auxiliary, dropout)
    _check_width(width)
    return TimmNetwork(num_outputs, variant, dropout, maps)


def build_trunk(variant: str, width: float, until: str) -> tuple[AnyNetwork, int]:
    """Return what makes the maps of `until`, and their channels."""
    if timm_name(variant):
        _check_width(width)
        trunk = TimmMaps(variant, until)
        return trunk, trunk.trunk.feature_info.channels()[-1]  # type: ignore[union-attr, operator]
    network = GoogLeNet(1, variant, width, auxiliary=False)
    return network, network.cut(until)


def _check_width(width: float) -> None:
    if width != 1:
        raise ValueError(f"width: a network of timm has one width, got {width:g}")
