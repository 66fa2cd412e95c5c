"""The page: the photographs, their numbers, and the modules of page/ in one HTML file."""

import html
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

# In the order they need each other.
MODULES = (
    "geometry", "selection", "judging", "unpack", "reasons", "looks", "drawing", "state",
    "superpixels", "proposals", "detections", "inspector", "main",
)  # fmt: skip
# Nothing is loaded, from anywhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
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
