"""Which XML files are annotations as VOC's: other programs lay others beside images."""

import re
from pathlib import Path

from detect.data.listing import files_in

# Comments, declarations, instructions: what may stand before the first element.
_BEFORE = re.compile(rb"<!--.*?-->|<[?!][^>]*>", re.DOTALL)
# In whichever namespace: the reader refuses those by their name.
_ROOT = re.compile(rb"<(?:[\w.-]+:)?annotation[\s/>]")
# GDAL's statistics of an image, which are no annotation whatever the image is called.
_GDAL = ".aux.xml"


def xml_in(folder: Path, pattern: str) -> list[Path]:
    """Return the XML files of `files_in` that may be annotations: all but GDAL's."""
    return [path for path in files_in(folder, pattern) if not path.name.lower().endswith(_GDAL)]


def begins_as_annotation(text: bytes) -> bool:
    """Tell whether the XML that begins with `text` has the root <annotation>."""
    # Of UTF-16 the zeros are left out: the tag is ASCII.
    plain = _BEFORE.sub(b"", text.replace(b"\0", b""))
    return _ROOT.match(plain, max(plain.find(b"<"), 0)) is not None
