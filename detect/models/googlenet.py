"""GoogLeNet (Szegedy et al., "Going Deeper with Convolutions", arXiv 1409.4842, Table 1)."""

import math

import torch
from torch import Tensor, nn

from detect.models.layers import (
    AUXILIARY_FILTERS,
    AUXILIARY_UNITS,
    AuxiliaryClassifier,
    ConvBlock,
    Inception,
    LocalResponseNorm,
)
from detect.models.variants import INCEPTIONS, STEM, VARIANTS, Variant, scale_channels

# Of the network alone, or in training with auxiliary classifiers of these too.
Logits = Tensor | tuple[Tensor, Tensor, Tensor]

# Below 32 px nothing is left to pool: the strides up to 5b multiply to 32.
SMALLEST_INPUT = 32

# The auxiliary classifiers by torchvision's names, and the modules they sit on (section 5).
AUXILIARY = {"inception4a": "aux1", "inception4d": "aux2"}


class GoogLeNet(nn.Module):
    """GoogLeNet in one of the VARIANTS, `width` times as wide, for inputs from 32 px.

    In training with `auxiliary` it returns three logits, otherwise one. `dropout` defaults to
    the variant's. Max pooling rounds sizes up (`ceil_mode`), the last pooling averages whatever
    map is there (7x7 at 224). ValueError for an unknown variant.
    """

    def __init__(
        self,
        num_outputs: int,
        variant: str = "paper",
        width: float = 1.0,
        auxiliary: bool = True,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"variant: expected one of {', '.join(VARIANTS)}, got {variant!r}")
        self.variant, self.width, self.num_outputs = variant, width, num_outputs
        self.until = ""  # The whole network.
        shape = VARIANTS[variant]
        channels = self._add_stem(shape)
        channels = self._add_inceptions(channels, shape, auxiliary)
        self.steps = _steps(shape)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(shape.dropout if dropout is None else dropout)
        self.fc = nn.Linear(channels, num_outputs)
        if not self.fc.weight.is_meta:  # Drawing what is not stored takes as long as drawing.
            initialise_weights(self)

    def _add_stem(self, shape: Variant) -> int:
        """Add everything before 3a and return its channels."""
        first, reduced, second = (scale_channels(channels, self.width) for channels in STEM)
        self.conv1 = ConvBlock(3, first, 7, stride=2, batch_norm=shape.batch_norm)
        self.conv2 = ConvBlock(first, reduced, 1, batch_norm=shape.batch_norm)
        self.conv3 = ConvBlock(reduced, second, 3, batch_norm=shape.batch_norm)
        if shape.response_norm:
            self.norm1, self.norm2 = LocalResponseNorm(), LocalResponseNorm()
        for index, side in enumerate((3, 3, 3, shape.pool4), start=1):
            self.add_module(f"maxpool{index}", nn.MaxPool2d(side, stride=2, ceil_mode=True))
        return second

    def _add_inceptions(self, channels: int, shape: Variant, auxiliary: bool) -> int:
        """Add 3a to 5b and the auxiliary classifiers; return the channels of 5b."""
        sizes = (scale_channels(n, self.width) for n in (AUXILIARY_FILTERS, AUXILIARY_UNITS))
        filters, units = sizes
        for name, widths in INCEPTIONS.items():
            scaled = widths.scaled(self.width)
            self.add_module(f"inception{name}", Inception(channels, scaled, shape))
            channels = scaled.outputs
            if auxiliary and (side := AUXILIARY.get(f"inception{name}")):
                head = AuxiliaryClassifier(channels, filters, units, self.num_outputs, shape)
                self.add_module(side, head)
        return channels

    def keep(self, until: str) -> None:
        """Do nothing: the maps of every module can be asked for."""

    def channels(self, until: str) -> int:
        """Return the channels of the maps of Inception module `until`."""
        return INCEPTIONS[until].scaled(self.width).outputs

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return next(self.parameters()).dtype

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of every stage, which ends where the maps are halved next: 5."""
        found: list[list[nn.Module]] = [[]]
        for name in self.steps:
            if name.startswith("maxpool"):
                found.append([])
            else:
                found[-1].append(getattr(self, name))
        return found

    @property
    def has_auxiliary(self) -> bool:
        """Whether the auxiliary classifiers are there."""
        return hasattr(self, "aux1")

    def classifiers(self) -> list[nn.Module]:
        """Return the last layer and the auxiliary classifiers that are there."""
        return [self.fc, *(getattr(self, name) for name in _sides(self))]

    def drop_auxiliary(self) -> None:
        """Remove the auxiliary classifiers for good, as for inference (section 5)."""
        for name in AUXILIARY.values():
            if hasattr(self, name):
                delattr(self, name)

    def cut(self, until: str) -> int:
        """Remove everything after Inception module `until`, for good; return its channels.

        What is left has `features`, and no `forward`.
        """
        last = self.steps.index(f"inception{until}")
        for name in (*self.steps[last + 1 :], "avgpool", "dropout", "fc"):
            delattr(self, name)
        self.drop_auxiliary()
        self.steps, self.until = self.steps[: last + 1], until
        return self.channels(until)

    def features(self, images: Tensor, until: str = "5b") -> Tensor:
        """`images` (N, 3, H, W), normalised -> the maps of Inception module `until`.

        "4e" has stride 16 and 832 channels, "5b" stride 32 and 1024 (at width 1).
        """
        return self._run(images, f"inception{until}", None)

    def forward(self, images: Tensor) -> Logits:
        """`images` (N, 3, H, W), normalised -> logits (N, num_outputs).

        In training with auxiliary classifiers: the logits (N, num_outputs) of the network, of
        the classifier on 4a and of the one on 4d. ValueError below 32 px.
        """
        return self.with_maps(images, "5b")[0]

    def with_maps(self, images: Tensor, until: str) -> tuple[Logits, Tensor]:
        """Return what `forward` does, and the maps of Inception module `until` as `features`."""
        sides: list[Tensor] | None = [] if self.training and self.has_auxiliary else None
        kept = self._run(images, f"inception{until}", sides)
        logits, _ = self.after(kept, until, sides)
        return ((logits, sides[0], sides[1]) if sides else logits), kept

    def after(
        self, maps: Tensor, until: str, sides: list[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Go on from `maps` of Inception module `until`: logits (N, num_outputs), and maps 5b.

        Auxiliary logits are appended to `sides` if given.
        """
        rest = self.steps[self.steps.index(f"inception{until}") + 1 :]
        maps = self._through(maps, rest, sides)
        logits: Tensor = self.fc(self.dropout(self.avgpool(maps).flatten(1)))
        return logits, maps

    def _run(self, maps: Tensor, last: str, sides: list[Tensor] | None) -> Tensor:
        """Run the trunk up to the step `last`; append auxiliary logits to `sides` if given."""
        if min(maps.shape[2:]) < SMALLEST_INPUT:
            got = "x".join(map(str, maps.shape[2:]))
            raise ValueError(f"GoogLeNet: inputs of at least {SMALLEST_INPUT} px, got {got}")
        return self._through(maps, self.steps[: self.steps.index(last) + 1], sides)

    def _through(self, maps: Tensor, steps: tuple[str, ...], sides: list[Tensor] | None) -> Tensor:
        """Run some steps of the trunk."""
        for name in steps:
            maps = getattr(self, name)(maps)
            if sides is not None and name in AUXILIARY:
                sides.append(getattr(self, AUXILIARY[name])(maps))
        return maps


def _steps(shape: Variant) -> tuple[str, ...]:
    """Return the names of the trunk's modules in the order they run (Table 1, Fig. 3)."""
    stem = ["conv1", "maxpool1", "norm1", "conv2", "conv3", "norm2", "maxpool2"]
    if not shape.response_norm:
        stem = [name for name in stem if not name.startswith("norm")]
    names = [f"inception{name}" for name in INCEPTIONS]
    return (*stem, *names[:2], "maxpool3", *names[2:7], "maxpool4", *names[7:])


def initialise_weights(network: GoogLeNet) -> None:
    """Draw fresh weights from torch's generator.

    paper: as the public Caffe model does (bvlc_googlenet): uniform with variance 1 / inputs
    ("xavier"), biases 0.2, those of the classifiers 0. With batch normalisation: He et al. 2015,
    normal with variance 2 / inputs; classifiers normal 0.01, biases 0 (our choice).
    """
    classifiers = {id(network.fc)}
    classifiers |= {id(getattr(network, side).fc2) for side in _sides(network)}
    batch_norm = VARIANTS[network.variant].batch_norm
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draw = _draw_he if batch_norm else _draw_xavier
            draw(module, id(module) in classifiers)


def _sides(network: GoogLeNet) -> tuple[str, ...]:
    return tuple(AUXILIARY.values()) if network.has_auxiliary else ()


def _draw_xavier(layer: nn.Conv2d | nn.Linear, is_classifier: bool) -> None:
    limit = math.sqrt(3 / layer.weight[0].numel())
    nn.init.uniform_(layer.weight, -limit, limit)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, 0.0 if is_classifier else 0.2)


def _draw_he(layer: nn.Conv2d | nn.Linear, is_classifier: bool) -> None:
    if is_classifier:
        nn.init.normal_(layer.weight, std=0.01)
    else:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
