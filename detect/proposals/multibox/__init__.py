"""MultiBox boxes of an image, from a network in memory or from stored ones."""

from detect.proposals.multibox.network import ADAPTIVE, SOURCE, MultiBoxProposer
from detect.proposals.multibox.stored import MultiBoxPropose, multibox_propose

__all__ = ["ADAPTIVE", "SOURCE", "MultiBoxPropose", "MultiBoxProposer", "multibox_propose"]
