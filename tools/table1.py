"""Print Table 1 of arXiv 1409.4842 as built beside as printed; * marks where they differ.

    python tools/table1.py [paper|bn|torchvision]

Parameters and multiply-adds follow from the layers' shapes. The printed parameters are weights
without biases in units of 1024 (the linear layer's 1024 x 1000 are 1000K), the operations
multiply-adds in millions, some rounded up and some down: a figure differs when it is more than
one unit away.
"""

import sys
from dataclasses import dataclass

from detect.models.cost import Cost, module_costs
from detect.models.googlenet import GoogLeNet
from detect.models.variants import VARIANTS


@dataclass(frozen=True)
class Row:
    """A row of Table 1: its name, the modules that make it up, output (side, side, channels).

    `kilos` of weights in units of 1024, `millions` of multiply-adds; None where blank.
    """

    name: str
    modules: tuple[str, ...]
    side: int
    channels: int
    kilos: float | None = None
    millions: float | None = None


# Table 1 as printed.
PRINTED = (
    Row("convolution 7x7/2", ("conv1",), 112, 64, 2.7, 34),
    Row("max pool 3x3/2", ("maxpool1",), 56, 64),
    Row("convolution 3x3/1", ("conv2", "conv3"), 56, 192, 112, 360),
    Row("max pool 3x3/2", ("maxpool2",), 28, 192),
    Row("inception (3a)", ("inception3a",), 28, 256, 159, 128),
    Row("inception (3b)", ("inception3b",), 28, 480, 380, 304),
    Row("max pool 3x3/2", ("maxpool3",), 14, 480),
    Row("inception (4a)", ("inception4a",), 14, 512, 364, 73),
    Row("inception (4b)", ("inception4b",), 14, 512, 437, 88),
    Row("inception (4c)", ("inception4c",), 14, 512, 463, 100),
    Row("inception (4d)", ("inception4d",), 14, 528, 580, 119),
    Row("inception (4e)", ("inception4e",), 14, 832, 840, 170),
    Row("max pool 3x3/2", ("maxpool4",), 7, 832),
    Row("inception (5a)", ("inception5a",), 7, 832, 1072, 54),
    Row("inception (5b)", ("inception5b",), 7, 1024, 1388, 71),
    Row("avg pool", ("avgpool",), 1, 1024),
    Row("linear", ("fc",), 1, 1000, 1000, 1),
)


def built(variant: str) -> tuple[Row, ...]:
    """Return the rows of PRINTED with the figures of our network, without auxiliary heads."""
    costs = module_costs(GoogLeNet(1000, variant, auxiliary=False), (3, 224, 224))
    return tuple(_built_row(row, [costs[name] for name in row.modules]) for row in PRINTED)


def _built_row(row: Row, costs: list[Cost]) -> Row:
    channels, side = (*costs[-1].output, 1)[:2]
    weights = sum(cost.weights for cost in costs) / 1024
    operations = sum(cost.multiply_adds for cost in costs) / 1e6
    if row.kilos is None:
        return Row(row.name, row.modules, side, channels)
    return Row(row.name, row.modules, side, channels, weights, operations)


def differs(ours: float | None, printed: float | None) -> bool:
    """Tell whether `ours` is more than one unit away from `printed`; blanks equal blanks."""
    if ours is None or printed is None:
        return ours is not printed
    return abs(ours - printed) > 1


def table(variant: str) -> list[str]:
    """Return the lines of the comparison."""
    head = f"{'layer':<20}{'output':>24}{'weights, K':>20}{'multiply-adds, M':>20}"
    lines = [f"variant {variant}: as built / as printed, * differs", head]
    for ours, printed in zip(built(variant), PRINTED, strict=True):
        output = _pair(_output(ours), _output(printed), _output(ours) != _output(printed))
        lines.append(
            f"{ours.name:<20}{output:>24}{_figures(ours.kilos, printed.kilos):>20}"
            f"{_figures(ours.millions, printed.millions):>20}"
        )
    return [*lines, _total(variant)]


def _output(row: Row) -> str:
    return f"{row.side}x{row.side}x{row.channels}"


def _figures(ours: float | None, printed: float | None) -> str:
    if ours is None or printed is None:
        return ""
    return _pair(f"{ours:.1f}", f"{printed:g}", differs(ours, printed))


def _pair(ours: str, printed: str, marked: bool) -> str:
    return f"{ours} / {printed}{' *' if marked else '  '}"


def _total(variant: str) -> str:
    alone = module_costs(GoogLeNet(1000, variant, auxiliary=False), (3, 224, 224))[""]
    trained = module_costs(GoogLeNet(1000, variant), (3, 224, 224))[""]
    return (
        f"{alone.parameters:,} parameters ({trained.parameters:,} with both auxiliary "
        f"classifiers), {alone.multiply_adds / 1e9:.2f} G multiply-adds"
    )


def main(arguments: list[str]) -> int:
    """Print the table of the variant named; return the exit code."""
    variant = arguments[0] if arguments else "paper"
    if variant not in VARIANTS or len(arguments) > 1:
        sys.stderr.write(f"usage: python tools/table1.py [{'|'.join(VARIANTS)}]\n")
        return 2
    sys.stdout.write("\n".join(table(variant)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
