"""A copy of an image to draw boxes, labels and a legend on, at sizes that suit the image."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from detect.images import shrink
from detect.structures import Image
from detect.visualize.colours import DARK, LIGHT, Colour, Style, ink_on
from detect.visualize.labels import Places, Rectangle

# Smaller images are enlarged by a whole number until their longer side has this many px: text
# of readable size would otherwise cover what it names.
SHORTEST_LONG_SIDE = 640
# Larger ones are reduced to this; ours, four times the side of a photograph of 12 million pixels.
LONGEST_LONG_SIDE = 16_000
_FONT_SHARE, _LINE_SHARE = 1 / 52, 1 / 320  # of the longer side: 12 px and 2 px at 640
SMALLEST_FONT, _LARGEST_FONT = 12, 128
# Of a narrow image, of so many times its shorter side: else the strip for the legend, which is as
# wide as some letters, would be much larger than the image.
_NARROWEST = 4
# A strip narrower than this many letters would break the legend after every word.
_NARROWEST_STRIP = 24

Entry = tuple[Style | None, str]


class Canvas:
    """`image` (H, W, 3) times `scale`, with everything drawn in the image's own pixels."""

    def __init__(self, image: Image) -> None:
        image, reduced = shrink(image, LONGEST_LONG_SIDE)
        height, width = image.shape[:2]
        enlarged = max(1, math.ceil(SHORTEST_LONG_SIDE / max(height, width)))
        self.scale = reduced * enlarged
        size = (width * enlarged, height * enlarged)
        self._picture = PILImage.fromarray(np.ascontiguousarray(image)).resize(
            size, PILImage.Resampling.BICUBIC
        )
        self._draw = ImageDraw.Draw(self._picture, "RGBA")
        side = min(max(size), _NARROWEST * min(size))
        self._font_size = min(max(SMALLEST_FONT, round(side * _FONT_SHARE)), _LARGEST_FONT)
        self._line = side * _LINE_SHARE
        self._places = Places(*size)
        self.labels_left_out = 0

    def box(self, box: Sequence[float], style: Style) -> None:
        """Draw the outline of `box` (4,) around its pixels in `style`."""
        width = max(1, round(self._line * style.width))
        self._paint(list(_strokes(self._outline(box, width), width, style.dash)), width, style)

    def label(self, box: Sequence[float], texts: Sequence[str], style: Style) -> None:
        """Write the first of `texts` (long to short) that finds a free place at `box`."""
        around = self._outline(box, max(1, round(self._line * style.width)))
        for text in texts:
            width, height, pad = self._measure(text)
            place = self._places.reserve(around, width, height)
            if place is not None:
                x1, y1, x2, y2 = place
                self._draw.rectangle((x1, y1, x2 - 1, y2 - 1), fill=(*style.colour, 235))
                self._text(x1 + pad, y1 + height / 2, text, ink_on(style.colour))
                return
        self.labels_left_out += 1

    def finish(self, entries: Sequence[Entry]) -> Image:
        """Return the picture (H', W', 3) with the legend `entries` in a strip below it."""
        gap, swatch = self._font_size, 3 * self._font_size
        width = max(self._picture.width, _NARROWEST_STRIP * self._font_size)
        rows = list(self._rows(entries, width - gap, gap, swatch))
        row_height = round(1.7 * self._font_size)
        strip = row_height * len(rows) + gap // 2
        sheet = PILImage.new("RGB", (width, self._picture.height + strip), LIGHT)
        sheet.paste(self._picture, (0, 0))
        top, self._picture = self._picture.height + gap // 4, sheet
        self._draw = ImageDraw.Draw(sheet, "RGBA")
        for index, row in enumerate(rows):
            self._legend_row(row, gap, top + index * row_height + row_height / 2, swatch)
        return np.asarray(sheet).copy()

    def _outline(self, box: Sequence[float], width: int) -> Rectangle:
        """Return the px that the outline of `box` covers: around it, but inside the picture."""
        x1, y1, x2, y2 = (round(float(value) * self.scale) for value in box)
        right, bottom = self._places.width, self._places.height
        x1, x2 = (min(max(value, 0), right) for value in (x1 - width, x2 + width))
        y1, y2 = (min(max(value, 0), bottom) for value in (y1 - width, y2 + width))
        return x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)

    def _paint(self, strokes: Sequence[Rectangle], width: int, style: Style) -> None:
        """Fill `strokes` in the colour of `style`, over a dark edge that shows on any ground."""
        alpha, edge = round(255 * style.opacity), max(1, width // 3)
        for x1, y1, x2, y2 in strokes if style.edged else ():
            around = (x1 - edge, y1 - edge, x2 + edge - 1, y2 + edge - 1)
            self._draw.rectangle(around, fill=(*DARK, alpha // 2))
        for x1, y1, x2, y2 in strokes:
            self._draw.rectangle((x1, y1, x2 - 1, y2 - 1), fill=(*style.colour, alpha))

    def _measure(self, text: str) -> tuple[int, int, int]:
        pad = max(2, self._font_size // 4)
        width = math.ceil(font(self._font_size).getlength(text)) + 2 * pad
        return width, round(1.3 * self._font_size), pad

    def _text(self, x: float, y: float, text: str, colour: Colour) -> None:
        self._draw.text((x, y), text, fill=colour, font=font(self._font_size), anchor="lm")

    def _rows(
        self, entries: Sequence[Entry], room: int, gap: int, swatch: int
    ) -> Iterator[list[tuple[int, Entry]]]:
        """Break `entries` into rows of (left, entry) that are at most `room` px wide."""
        row: list[tuple[int, Entry]] = []
        left = gap
        for entry in entries:
            width = self._measure(entry[1])[0] + (swatch + gap // 2 if entry[0] else 0)
            if row and left + width > room:
                yield row
                row, left = [], gap
            row.append((left, entry))
            left += width + gap
        if row:
            yield row

    def _legend_row(
        self, row: list[tuple[int, Entry]], gap: int, middle: float, swatch: int
    ) -> None:
        for left, (style, text) in row:
            if style is not None:
                line = max(2, round(self._font_size / 6))
                top = round(middle) - line // 2
                pieces = _pieces(left, left + swatch, tuple(line * d for d in style.dash))
                self._paint([(x1, top, x2, top + line) for x1, x2 in pieces], line, style)
                left += swatch + gap // 2
            self._text(left, middle, text, DARK)


def printable(name: str, label: int) -> str:
    """Return `name`, or "class N" where the font lacks a letter of it (Chinese, for one)."""
    return name if all(has_glyph(letter) for letter in name) else f"class {label}"


def _strokes(outline: Rectangle, width: int, dash: tuple[float, ...]) -> Iterator[Rectangle]:
    """Yield the rectangles that make an outline `width` px wide with `dash` in line widths."""
    x1, y1, x2, y2 = outline
    lengths = tuple(width * length for length in dash)
    for start, end in _pieces(x1, x2, lengths):
        yield start, y1, end, min(y1 + width, y2)
        yield start, max(y2 - width, y1), end, y2
    for start, end in _pieces(y1, y2, lengths):
        yield x1, start, min(x1 + width, x2), end
        yield max(x2 - width, x1), start, x2, end


def _pieces(start: int, end: int, dash: tuple[float, ...]) -> Iterator[tuple[int, int]]:
    """Yield the drawn stretches between `start` and `end`; `dash` is px drawn, px blank, ..."""
    if not dash:
        yield start, end
        return
    at, index = float(start), 0
    while at < end:
        length = dash[index % len(dash)]
        if index % 2 == 0:
            yield round(at), min(round(at + length), end)
        at, index = at + length, index + 1


def _font_path() -> Path:
    """Return DejaVu Sans, which comes with matplotlib: no font of the machine is needed."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans at `size` px."""
    return ImageFont.truetype(str(_font_path()), size)


@lru_cache(maxsize=4096)
def has_glyph(letter: str) -> bool:
    """Tell whether DejaVu Sans draws `letter` itself, not the sign for a missing one."""
    small = font(SMALLEST_FONT)
    missing = small.getmask("\U0010fffd")
    mask = small.getmask(letter)
    return bytes(mask) != bytes(missing) or mask.size != missing.size
