"""Maps of regions, cut out of the maps of whole images: RoIAlign with one sample a bin.

He et al., arXiv 1703.06870, section 3. torchvision's roi_align(sampling_ratio=1, aligned=True)
gives the same inside the maps, with one thread on a CPU.
"""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


def sample_regions(maps: Tensor, boxes: Tensor, images: Tensor, side: int) -> Tensor:
    """Cut `boxes` (R, 4) out of `maps` (N, C, H, W): (R, C, `side`, `side`), float32.

    `boxes` are xyxy in places of the maps, place i covering [i, i+1); `images` (R,) the maps that
    each lies in. A bin takes what is interpolated at its middle; beyond the middles of the
    outermost places it is theirs.
    """
    count, channels, height, width = maps.shape
    columns, right = _samples(boxes[:, 0], boxes[:, 2], side, width)
    rows, down = _samples(boxes[:, 1], boxes[:, 3], side, height)
    places = (images[:, None] * height + rows)[:, :, None] * width + columns[:, None, :]
    beside, below = int(width > 1), width * int(height > 1)
    corners = torch.stack([places, places + beside, places + below, places + below + beside], -1)
    shares = _outer(torch.stack([1 - down, down], -1), torch.stack([1 - right, right], -1))
    table = maps.permute(0, 2, 3, 1).reshape(count * height * width, channels).float()
    found = _summed(table, corners.view(-1, 4), shares.view(-1, 4))
    return found.view(len(boxes), side, side, channels).permute(0, 3, 1, 2)


def _summed(table: Tensor, corners: Tensor, shares: Tensor) -> Tensor:
    """Return the sums (M, C) of four rows each of the `table`, `corners` (M, 4), by their `shares`.

    Fused, and on every core; other engines know no such operation.
    """
    if torch.compiler.is_exporting():
        return (table[corners] * shares[..., None]).sum(1)
    return embedding_bag(corners, table, per_sample_weights=shares, mode="sum")


def _samples(low: Tensor, high: Tensor, side: int, length: int) -> tuple[Tensor, Tensor]:
    """Return the place (R, side) before the middle of each bin, and the share of the next one."""
    bins = torch.arange(side, device=low.device, dtype=torch.float32) + 0.5
    middles = low[:, None].float() + bins * ((high - low).float() / side)[:, None] - 0.5
    middles = middles.clamp(0, length - 1)
    first = middles.floor().clamp(max=max(length - 2, 0))
    return first.long(), middles - first


def _outer(down: Tensor, right: Tensor) -> Tensor:
    """`down` (R, S, 2), `right` (R, S, 2) -> shares (R, S, S, 4) of the four places of a bin."""
    return (down[:, :, None, :, None] * right[:, None, :, None, :]).flatten(-2)
