"""Several pictures on one sheet."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw

from detect.structures import Image
from detect.visualize.canvas import SMALLEST_FONT, font
from detect.visualize.colours import DARK

_GAP = 12  # px of white around every picture


def contact_sheet(pictures: Sequence[Image], columns: int, texts: Sequence[str] = ()) -> Image:
    """Lay `pictures` (H, W, 3) out in rows of `columns` on white -> (H', W', 3).

    Every place is as large as the largest of them; each of `texts` stands below its picture.
    ValueError without a picture, and unless there are as many texts, or none.
    """
    if not pictures or (texts and len(texts) != len(pictures)):
        raise ValueError(f"contact_sheet: {len(pictures)} pictures, {len(texts)} texts")
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    below = round(1.3 * SMALLEST_FONT) if texts else 0
    rows = -(-len(pictures) // columns)
    down, across = height + below + _GAP, width + _GAP
    sheet = PILImage.new("RGB", (columns * across + _GAP, rows * down + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for index, picture in enumerate(pictures):
        left, top = _GAP + index % columns * across, _GAP + index // columns * down
        sheet.paste(PILImage.fromarray(picture), (left, top))
        if texts:
            place = (left + width / 2, top + height + below / 2)
            draw.text(place, texts[index], fill=DARK, font=font(SMALLEST_FONT), anchor="mm")
    return np.asarray(sheet).copy()
