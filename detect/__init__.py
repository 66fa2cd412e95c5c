"""GoogLeNet's ILSVRC14 detection entry (arXiv 1409.4842, section 8) as software.

Conventions (boxes, images, labels) are stated once, in README.md under "Conventions".
"""

from importlib.metadata import version

__version__ = version("detect")
