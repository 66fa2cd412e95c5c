"""The page: the photographs, their numbers, and the modules of page/ in one HTML file."""

import html
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from detect.errors import DataError
from detect.reading import RECORDS_BYTES, read_text

# In the order they need each other.
MODULES = (
    "geometry", "selection", "judging", "unpack", "reasons", "looks", "drawing", "state",
    "superpixels", "proposals", "detections", "inspector", "pointing", "main",
)  # fmt: skip
# Nothing is loaded, from anywhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_DATA = re.compile(r'<script type="application/json" id="data">(.*)</script>')
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def page_of(about: dict[str, Any], images: Sequence[dict[str, Any]]) -> str:
    """Return the page on `images`, as `image.packed_image` makes them; `about` is of all of them.

    Names are data to the scripts and are never read as HTML.
    """
    values = {
        "TITLE": html.escape(about["title"]),
        "POLICY": _POLICY,
        "STYLE": _text("style.css"),
        "DATA": _as_data({"about": about, "images": images}),
        "SCRIPT": script(),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], _text("page.html"))


@dataclass(frozen=True)
class Explained:
    """A page that there is: at `path`, on images by their ids."""

    path: Path
    images: tuple[str, ...]

    def link(self, folder: Path, image_id: str | None = None) -> str:
        """Return the address of the page, or of an image on it, for a page in `folder`."""
        place = quote(os.path.relpath(self.path, folder).replace(os.sep, "/"))
        return place if image_id is None else f"{place}#{urlencode({'image': image_id})}"


def read_page(path: Path) -> Explained:
    """Read what page `path` is, or is in the folder `path`; DataError for anything else."""
    page = path / "index.html" if path.is_dir() else path
    remedy = "Make it with detect explain, and give its folder or index.html."
    text = read_text(page, "a page of detect explain", RECORDS_BYTES, remedy)
    try:
        data = json.loads(_DATA.search(text)[1])  # type: ignore[index]
        return Explained(page, tuple(str(image["id"]) for image in data["images"]))
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        text = f"{page}: not a page of detect explain. Make it with that command."
        raise DataError(text) from error


def script() -> str:
    """Return all modules as one: names are different in all of them."""
    texts = [_text(f"{name}.mjs") for name in MODULES]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def _text(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


def _as_data(values: Any) -> str:
    """Return JSON that ends no script element and begins no comment in one."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
