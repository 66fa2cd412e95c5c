"""The building blocks of GoogLeNet. Names of submodules are torchvision's (same state dict)."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from detect.models.variants import Variant, Widths

# Of the auxiliary classifiers, section 5: a 1x1 convolution with 128 filters, a fully connected
# layer of 1024, dropout 0.7; their pooling leaves 4x4 maps.
AUXILIARY_FILTERS, AUXILIARY_UNITS, AUXILIARY_DROPOUT, AUXILIARY_SIDE = 128, 1024, 0.7, 4

# torchvision.models.googlenet; batch normalisation's own paper leaves it open.
BATCH_NORM_EPSILON = 1e-3


class ConvBlock(nn.Module):
    """Convolution, batch normalisation or bias, ReLU: (N, C, H, W) -> (N, out, H', W').

    Zero padding of kernel // 2 keeps the size at stride 1.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, *, batch_norm: bool, stride: int = 1
    ) -> None:
        super().__init__()
        padding = kernel // 2
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=not batch_norm)
        self.bn = nn.BatchNorm2d(out, BATCH_NORM_EPSILON) if batch_norm else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Map `maps` (N, C, H, W) to (N, out, H', W'), not negative."""
        return functional.relu(self.bn(self.conv(maps)), inplace=True)


class LocalResponseNorm(nn.Module):
    """Normalisation across neighbouring channels: x / (1 + alpha/n * sum of n squares)^beta.

    n = 5, alpha = 1e-4, beta = 0.75 as in the public Caffe model (bvlc_googlenet, after AlexNet,
    section 3.3); channels beyond the ends count as zero. Equal to torch's `local_response_norm`,
    and about four times as fast on a CPU with channels_last maps (32x192x16x16, float32, one
    thread: 41 against 173 ms), because the sum over channels is a 1x1 convolution with a band.
    """

    size, alpha = 5, 1e-4

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise `maps` (N, C, H, W), in float32, and return them in their own type."""
        with _full_precision(maps.device.type):
            band = self._band(maps.shape[1], maps.device)
            scale = functional.conv2d(maps.float().square(), band) + 1
        root = torch.rsqrt(scale)
        return maps * (root * root.sqrt()).to(maps.dtype)  # s^-0.75 = s^-0.5 * s^-0.25

    def _band(self, channels: int, device: torch.device) -> Tensor:
        """Return weights (C, C, 1, 1): alpha/n where two channels are at most n // 2 apart."""
        index = torch.arange(channels, device=device)
        near = (index[:, None] - index[None, :]).abs() <= self.size // 2
        return near.float()[:, :, None, None] * (self.alpha / self.size)


def _full_precision(device_type: str) -> AbstractContextManager[object]:
    """Return the context without autocast; "meta" has none, and needs none.

    No question to torch whether a device has it: that would break the graph that is compiled.
    """
    if device_type == "meta":
        return nullcontext()
    return torch.autocast(device_type, enabled=False)


class NeighbourhoodMax(nn.MaxPool2d):
    """Max pooling 3x3 of stride 1 that keeps the size: (N, C, H, W) -> (N, C, H, W).

    Without gradients on a CPU it takes rows first and then columns, which gives the same values:
    torch's own notes where each maximum was, and took a third of the time of a forward pass
    (32x256x28x28, bfloat16, channels_last, one thread: 71 ms, this way 21 ms). A compiler makes a
    kernel of its own, and takes no `out=` that is part of a tensor.
    """

    def __init__(self) -> None:
        super().__init__(3, stride=1, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the largest value around every place of `maps` (N, C, H, W)."""
        compiling = torch.compiler.is_compiling()
        if compiling or torch.is_grad_enabled() or maps.device.type != "cpu":
            pooled: Tensor = super().forward(maps)
            return pooled
        return _largest_of_three(_largest_of_three(maps, 2), 3)


def _largest_of_three(maps: Tensor, axis: int) -> Tensor:
    """Return the maximum of each value of `maps` and its two neighbours along `axis`."""
    others = maps.shape[axis] - 1
    found = maps.clone()
    for own, neighbour in ((0, 1), (1, 0)):
        place = found.narrow(axis, own, others)
        torch.maximum(place, maps.narrow(axis, neighbour, others), out=place)
    return found


class Inception(nn.Module):
    """Inception module with dimension reductions (Fig. 2b): (N, C, H, W) -> (N, out, H, W)."""

    def __init__(self, channels: int, widths: Widths, variant: Variant) -> None:
        super().__init__()
        w, bn = widths, variant.batch_norm
        self.branch1 = ConvBlock(channels, w.n1x1, 1, batch_norm=bn)
        self.branch2 = nn.Sequential(
            ConvBlock(channels, w.n3x3_reduce, 1, batch_norm=bn),
            ConvBlock(w.n3x3_reduce, w.n3x3, 3, batch_norm=bn),
        )
        self.branch3 = nn.Sequential(
            ConvBlock(channels, w.n5x5_reduce, 1, batch_norm=bn),
            ConvBlock(w.n5x5_reduce, w.n5x5, variant.kernel_5x5, batch_norm=bn),
        )
        self.branch4 = nn.Sequential(
            NeighbourhoodMax(),
            ConvBlock(channels, w.pool_projection, 1, batch_norm=bn),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Map `maps` (N, C, H, W) to (N, n1x1 + n3x3 + n5x5 + pool_projection, H, W)."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(maps) for branch in branches], 1)


class NaiveInception(nn.Module):
    """Inception module without reductions (Fig. 2a); not part of GoogLeNet, for its cost."""

    def __init__(self, channels: int, n1x1: int, n3x3: int, n5x5: int) -> None:
        super().__init__()
        widths = ((n1x1, 1), (n3x3, 3), (n5x5, 5))
        blocks = [ConvBlock(channels, out, kernel, batch_norm=False) for out, kernel in widths]
        self.branches = nn.ModuleList([*blocks, NeighbourhoodMax()])

    def forward(self, maps: Tensor) -> Tensor:
        """Map `maps` (N, C, H, W) to (N, n1x1 + n3x3 + n5x5 + C, H, W)."""
        return torch.cat([branch(maps) for branch in self.branches], 1)


class AuxiliaryClassifier(nn.Module):
    """Classifier on an inner map, used in training alone (section 5).

    The paper pools 5x5/3, which makes 4x4 of its 14x14 maps; for maps of another size, and in
    the torchvision variant always, adaptive pooling to 4x4 (our choice: the paper has one size).
    """

    def __init__(
        self, channels: int, filters: int, units: int, outputs: int, variant: Variant
    ) -> None:
        super().__init__()
        self.adaptive = variant.adaptive_auxiliary
        self.conv = ConvBlock(channels, filters, 1, batch_norm=variant.batch_norm)
        self.fc1 = nn.Linear(filters * AUXILIARY_SIDE**2, units)
        self.fc2 = nn.Linear(units, outputs)
        self.dropout = nn.Dropout(AUXILIARY_DROPOUT)

    def forward(self, maps: Tensor) -> Tensor:
        """Map `maps` (N, C, H, W) to logits (N, outputs)."""
        hidden = self.conv(self._pool(maps)).flatten(1)
        hidden = functional.relu(self.fc1(hidden), inplace=True)
        logits: Tensor = self.fc2(self.dropout(hidden))
        return logits

    def _pool(self, maps: Tensor) -> Tensor:
        """Pool `maps` (N, C, H, W) to (N, C, 4, 4)."""
        if self.adaptive or maps.shape[2:] != (14, 14):
            return functional.adaptive_avg_pool2d(maps, AUXILIARY_SIDE)
        return functional.avg_pool2d(maps, 5, stride=3)
