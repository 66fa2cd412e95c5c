"""Names that look the same and are two: Unicode writes an accent with its letter, or after it.

macOS used to store file names decomposed (NFD); other systems and most lists are composed (NFC).
"""

import unicodedata
from collections.abc import Iterable


def other_form(name: str, there: Iterable[str]) -> str:
    """Return a hint at the one of `there` that is `name` in another normal form, or ""."""
    if name.isascii():
        return ""
    composed = unicodedata.normalize("NFC", name)
    for one in there:
        if one != name and unicodedata.normalize("NFC", one) == composed:
            forms = [_form(text) for text in (one, name)]
            return (
                f"; {one} is there, which looks the same, but is in another Unicode normal form "
                f"({forms[0]}, not {forms[1]}): rename it, as by unicodedata.normalize of Python"
            )
    return ""


def _form(text: str) -> str:
    found = (form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, text))
    return next(found, "a mixture")
