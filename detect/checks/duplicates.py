"""The same file under several ids, the same bytes, nearly the same picture, across splits."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from detect.checks.alike import groups_alike
from detect.checks.files import FileFacts
from detect.checks.findings import Finding, Seen, plural, sentence

_NAMED = 4
_NAME_BEGINS = 5  # letters: train_small is a part of trainval


def check_duplicates(images: Sequence[Seen], facts: Mapping[Path, FileFacts]) -> Iterator[Finding]:
    """Yield groups of images of one file, of the same bytes, of nearly the same picture.

    Each group once, by the first of these that it shares; across splits it is a leak.
    """
    by_path = _grouped(images, [seen.sample.path for seen in images])
    for group in by_path:
        yield from _of(group, "same-file", "one file")
    firsts = [group[0] for group in by_path if facts[group[0].sample.path].print is not None]
    by_bytes = _grouped(firsts, [facts[seen.sample.path].digest for seen in firsts])
    for group in by_bytes:
        yield from _of(group, "identical", "the same bytes")
    leaders = [group[0] for group in by_bytes]
    prints = [one for seen in leaders if (one := facts[seen.sample.path].print) is not None]
    for places in groups_alike(prints):
        group = [leaders[place] for place in places]
        yield from _of(group, "alike", "nearly the same picture")


def check_overlaps(splits: Mapping[str, Sequence[Hashable]]) -> Iterator[Finding]:
    """Yield pairs of splits that list the same images; `splits` files by name.

    One within another is meant where their names say so: train and trainval, val1 and val.
    """
    sets = {name: set(files) for name, files in splits.items()}
    for one, two in combinations(sets, 2):
        shared = sets[one] & sets[two]
        within = len(shared) == min(len(sets[one]), len(sets[two]))
        if shared and not (within and _are_related(one, two)):
            names = sorted(Path(str(file)).name for file in shared)
            text = f"{one} and {two} share {plural(len(shared), 'image')}: {sentence(names)}"
            yield Finding("leak", text, oddness=len(shared))


def _are_related(one: str, two: str) -> bool:
    return one in two or two in one or one[:_NAME_BEGINS] == two[:_NAME_BEGINS]


def _grouped(images: Iterable[Seen], keys: Iterable[Hashable]) -> list[list[Seen]]:
    groups: dict[Hashable, list[Seen]] = defaultdict(list)
    for seen, key in zip(images, keys, strict=True):
        groups[key].append(seen)
    return list(groups.values())


def _of(group: Sequence[Seen], kind: str, what: str) -> Iterator[Finding]:
    """Yield what `group` shares, if it is of two or more."""
    if len(group) < 2:
        return
    names = sentence([seen.name for seen in group], _NAMED)
    unlike = ", labelled differently" if kind != "alike" and not _labelled_alike(group) else ""
    images, count = tuple(group), float(len(group))
    text = f"{names}: {what}{unlike}"
    yield Finding("leak" if _leaks(group) else kind, text, images, oddness=count)


def _leaks(group: Sequence[Seen]) -> bool:
    """Tell whether two of `group` are in splits that are apart, each in one without the other."""
    sets = {frozenset(seen.splits) for seen in group}
    return any(one - two and two - one for one, two in combinations(sets, 2))


def _labelled_alike(group: Sequence[Seen]) -> bool:
    first = group[0].sample.annotations
    others = (seen.sample.annotations for seen in group[1:])
    return all(
        np.array_equal(first.boxes, one.boxes) and np.array_equal(first.labels, one.labels)
        for one in others
    )
