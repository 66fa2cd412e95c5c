"""Line styles: colours that colour-blind readers can tell apart, and a dash for each verdict."""

import colorsys
from dataclasses import dataclass

Colour = tuple[int, int, int]

# Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/, without black.
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
BLUE: Colour = (0, 114, 178)
VERMILLION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
GREY: Colour = (170, 170, 170)
PALETTE = (SKY, ORANGE, GREEN, PURPLE, YELLOW, VERMILLION, BLUE)

DARK: Colour = (24, 24, 27)
LIGHT: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Style:
    """How a box is drawn: colour, dash (drawn, blank, ... in line widths; () is solid), opacity.

    `width` multiplies the picture's line width; `edged` puts a dark edge around the line.
    """

    colour: Colour
    dash: tuple[float, ...] = ()
    opacity: float = 1.0
    width: float = 1.0
    edged: bool = True


# Told apart by line as well as by colour.
VERDICTS = {
    "right": Style(GREEN),
    "wrong": Style(VERMILLION, dash=(7, 2, 2, 2)),
    "duplicate": Style(PURPLE, dash=(2, 2)),
    "ignored": Style(GREY, width=0.75),
    "missed": Style(YELLOW, dash=(5, 4)),
    "missed, difficult": Style(GREY, dash=(5, 4), width=0.75),
}


def class_colour(label: int) -> Colour:
    """Return the colour of class `label`: the palette, then hues a golden angle apart."""
    if label < len(PALETTE):
        return PALETTE[label]
    # The golden ratio spreads any number of hues evenly; value and saturation as in the palette.
    hue = (label * 0.618033988749895) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55 + 0.35 * (label % 2), 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever reads better on `colour` (ITU-R BT.601 luma)."""
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return DARK if luma > 125 else LIGHT
