"""How many crops of an image are classified; light, for whoever only names them."""

from typing import Literal, get_args

# GoogLeNet, arXiv 1409.4842, section 7.
CropCount = Literal[1, 10, 144]
CROPS: tuple[CropCount, ...] = get_args(CropCount)
