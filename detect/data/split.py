"""Which images a split lists: by its name, or by a text file of ids, one a line."""

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from detect.errors import DataError, UsageError, option
from detect.reading import NAME_BYTES, is_name, is_path, read_text, shown
from detect.together import settle


@dataclass
class Skipping:
    """What --skip-bad does: `guard` turns a DataError into a line of `lines` instead of an end.

    The lines are as errors hold them: options in them are marked (errors.py).
    """

    enabled: bool
    lines: list[str] = field(default_factory=list)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Go on after a DataError of the body if enabled; the body's sample is left out."""
        try:
            yield
        except DataError as error:
            if not self.enabled:
                raise
            self.lines.append(error.marked)


class NoSplitError(UsageError):
    """No split was named; `splits` there are."""

    def __init__(self, message: str, splits: Iterable[str]) -> None:
        super().__init__(message)
        self.splits = tuple(sorted(splits, key=lambda name: (len(name), name)))


def find_list(root: Path, split: str | None, lists: Mapping[str, Path]) -> tuple[str, Path, bool]:
    """Return the split's name, its file, and whether the file is one of the set's own `lists`.

    A name among `lists` (name -> file) comes first, then the path of a text file of ids, whose
    stem is the name. UsageError without `split`, DataError for one that is neither.
    """
    if split is None:
        raise NoSplitError(
            f"{root}: say which split with {option('split')}; there: {_listing(lists)}.", lists
        )
    if split in lists:
        return split, lists[split], True
    path = Path(split)
    if path.is_file():
        return path.stem, path, False
    raise DataError(
        f"{option('split', split)}: neither a split of {root} nor a text file of ids. "
        f"Splits there: {_listing(lists)}{nearest(split, lists)}."
    )


def read_ids(path: Path, *, numbered: bool = False) -> tuple[str, ...]:
    """Read the ids of a list, one a line, blank lines left out, in the list's order.

    With `numbered` a line may go on with a whole number, as in ILSVRC's lists ("id 17"), which
    is dropped. DataError for an empty list and for an id that stands there twice.
    """
    settle(path.parent)  # `detect split` writes two.
    lines = [line.strip() for line in read_text(path, "a list of images").splitlines()]
    ids = [_without_number(line) if numbered else line for line in lines if line]
    if not ids:
        raise DataError(f"{path}: the split is empty; expected one image id a line.")
    if wrong := [name for name in ids if not is_path(name)]:
        raise DataError(
            f"{path}: {shown(wrong[0])} can be no image's id: expected one a line, parts between "
            f"slashes of 1 to {NAME_BYTES} bytes."
        )
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        raise DataError(
            f"{path}: image id {repeated[0]} is listed more than once"
            f"{f' (and {len(repeated) - 1} other ids)' if len(repeated) > 1 else ''}. "
            "List every image once."
        )
    return tuple(ids)


def read_names(path: Path) -> tuple[str, ...]:
    """Read class names, one a line; DataError for none or one twice."""
    names = [line.strip() for line in read_text(path, "names").splitlines() if line.strip()]
    return unique_names(names, path)


def unique_names(names: Iterable[str], path: Path) -> tuple[str, ...]:
    """Return `names`; DataError naming `path` for none or one twice."""
    names = tuple(names)
    if not names:
        raise DataError(f"{path}: no class names; expected at least one.")
    if wrong := [name for name in names if not is_name(name)]:
        raise DataError(
            f"{path}: {shown(wrong[0])} can name no class; 1 to {NAME_BYTES} bytes can."
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{path}: class {repeated[0]} stands there twice; names must differ.")
    return names


def nearest(word: str, words: Collection[str]) -> str:
    """Return "; nearest: NAME" for the most similar of `words`, or ""."""
    similar = difflib.get_close_matches(word, words, n=1)
    return f"; nearest: {similar[0]}" if similar else ""


def _without_number(line: str) -> str:
    head, _, last = line.rpartition(" ")
    is_number = last.lstrip("-").isdecimal()
    return head.strip() if head and is_number else line


def _listing(lists: Collection[str], most: int = 20) -> str:
    """Return the names, short ones first (VOC has 60 lists of single classes beside its splits)."""
    names = sorted(lists, key=lambda name: (len(name), name))
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") or "none"
