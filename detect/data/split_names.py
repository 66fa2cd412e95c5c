"""The splits that a data set has, by their names."""

from pathlib import Path

# Where each layout lists its splits, and what stands before their names there.
_LISTS = (
    ("ImageSets/Main/*.txt", ""),
    ("annotations/instances_*.json", "instances_"),
    ("ImageSets/DET/*.txt", ""),
)


def split_names(root: Path) -> tuple[str, ...]:
    """Return the names of the splits of the data set `root`, sorted; none for a plain folder."""
    return tuple(
        sorted(
            path.stem.removeprefix(before)
            for pattern, before in _LISTS
            for path in root.glob(pattern)
        )
    )
