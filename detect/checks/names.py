"""Class names that are hard to tell apart, classes with few objects or none."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from detect.checks.findings import Finding, plural, sentence

# A class with fewer objects is hardly learned; ours.
FEW_OBJECTS = 10
# One letter makes another word of a short name: cat and car, bear and pear.
_SHORTEST = 5
# Of those a typing error is told by its number: it is much rarer than the name it stands for.
_SHORTEST_RARE, _RARER = 3, 20


def check_names(counts: Mapping[str, int]) -> Iterator[Finding]:
    """Yield pairs of names that may be one class; `counts` objects by class name."""
    for first, second in combinations(counts, 2):
        if why := alike(first, second, counts[first], counts[second]):
            text = (
                f"{first!r} ({plural(counts[first], 'object')}) and {second!r} "
                f"({plural(counts[second], 'object')}) {why}"
            )
            yield Finding("names", text)


def check_counts(
    counts: Mapping[str, int], splits: Mapping[str, Counter[str]]
) -> Iterator[Finding]:
    """Yield classes with few objects or none, in all and in a split; `splits` counts by name."""
    few = [(count, name) for name, count in counts.items() if 0 < count < FEW_OBJECTS]
    for count, name in sorted(few):
        yield Finding("few", f"{name}: {plural(count, 'object')}", oddness=-count)
    if unused := [name for name, count in counts.items() if not count]:
        yield Finding("unused", _listed(unused, counts))
    for split, own in splits.items():
        absent = [name for name, count in counts.items() if count and not own[name]]
        if absent and own.total():
            yield Finding("absent", f"{split}: {_listed(absent, counts)}", oddness=len(absent))


def alike(first: str, second: str, count: int = 0, other: int = 0) -> str:
    """Return in which way two names may be one, "" if they are not; counts tell typing errors."""
    one, two = _plain(first), _plain(second)
    if one == two:
        return "differ only in case, spaces or signs"
    if _singulars(one) & _singulars(two):
        return "are singular and plural"
    if not _is_slip(one, two) or _differ_in_a_mark(first, second):
        return ""
    fewer, shortest = min(count, other), min(len(one), len(two))
    rare = 0 < _RARER * fewer < max(count, other) and shortest >= _SHORTEST_RARE
    return "differ in one letter" if rare or shortest >= _SHORTEST else ""


def _listed(names: Sequence[str], counts: Mapping[str, int]) -> str:
    return f"{len(names)} of {plural(len(counts), 'class')}: {sentence(list(names), 10)}"


def _plain(name: str) -> str:
    """Return the letters and digits of `name`, without case; all of it where it has none."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "", folded) or folded


def _singulars(name: str) -> set[str]:
    """Return `name` and what it may be the plural of, in English."""
    found = {name}
    if name.endswith("ies"):
        found.add(f"{name[:-3]}y")
    if name.endswith("es"):
        found.add(name[:-2])
    if name.endswith("s") and len(name) > _SHORTEST_RARE:
        found.add(name[:-1])
    return found


def _is_slip(one: str, two: str) -> bool:
    """Tell whether a letter changed, added or left out, or two changed over, makes `two` of `one`.

    Digits are never slips: part1 and part2 are two classes.
    """
    if abs(len(one) - len(two)) > 1:
        return False
    pairs = enumerate(zip(one, two, strict=False))
    start = next((at for at, (a, b) in pairs if a != b), min(len(one), len(two)))
    rest, other = one[start:], two[start:]
    if any(text[:1].isdigit() for text in (rest, other)):
        return False
    swapped = rest[:2] == other[:2][::-1] and rest[2:] == other[2:]
    return swapped or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]


def _differ_in_a_mark(first: str, second: str) -> bool:
    """Tell whether a part of one letter makes the difference: type_a and type_b."""
    parts = zip(_parts(first), _parts(second), strict=False)
    return any(one != two and len(one) == len(two) == 1 for one, two in parts)


def _parts(name: str) -> list[str]:
    return re.split(r"[\W_]+", name.casefold())
