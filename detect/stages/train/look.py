"""Which images a detector learns from, and which its choices are made on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from detect.errors import DataError, UsageError, option
from detect.files import write_text
from detect.progress import Reporter
from detect.stages.opening import open_data
from detect.stages.train.options import TrainOptions

if TYPE_CHECKING:
    from detect.structures import Dataset

# Ours: of the images to learn from, where no others are given to choose on.
_SHARE = 0.2
# Fewer are no set to choose on.
FEWEST = 10
# What is learned from where nobody says so; never a split of another name, such as test.
_DEFAULTS = ("trainval", "train", "all")


@dataclass(frozen=True, eq=False)
class Splits:
    """Splits by their names or lists: `learn`, `held`, and `whole` of both, None if there is none.

    `learned` and `chosen` are the data sets of the first two, `everything` of the third.
    """

    learn: str
    held: str
    whole: str | None
    learned: "Dataset"
    chosen: "Dataset"
    everything: "Dataset"

    @property
    def every(self) -> str:
        """The split of `everything`."""
        return self.whole or self.learn


def splits_of(options: TrainOptions, folder: Path, reporter: Reporter) -> Splits:
    """Return the splits that are trained with; lists of them are written into `folder`.

    UsageError where none can be chosen, DataError for data that is wrong, without annotations, or
    of too few images.
    """
    name = options.split or _default(options.data)
    dataset = _open(options, name, reporter)
    _check(dataset)
    if options.val_split is None:
        return _cut(options, dataset, name, folder, reporter)
    chosen = _open(options, options.val_split, reporter)
    _check_apart(dataset, chosen)
    whole = _joined(options, dataset, chosen, folder, reporter)
    told = None if whole is None else str(folder / "all.txt")
    return Splits(name, options.val_split, told, dataset, chosen, whole or dataset)


def _default(root: Path) -> str:
    from detect.data.as_written import splits_of as split_names
    from detect.data.seen import labels_in

    names = split_names(root)
    for name in _DEFAULTS:
        if name in names:
            return name
    there = ", ".join(names) or "none"
    raise UsageError(
        f"{root}: say which images to learn from with {option('split')}, a split or a text file of "
        f"ids. Splits there: {there}.{'' if names else labels_in(root)}"
    )


def _open(options: TrainOptions, split: str, reporter: Reporter) -> "Dataset":
    return open_data(options.data, split, reporter, skip_bad=options.skip_bad)


def _check(dataset: "Dataset") -> None:
    if not dataset.annotated:
        raise DataError(f"{dataset.root}: no annotations, so nothing to train on; expected some.")
    if len(dataset) < FEWEST:
        raise DataError(
            f"{dataset.root}: {len(dataset)} images in split {dataset.split}; a detector needs "
            f"{FEWEST} or more, one that is of use a hundred. Label more, or choose another split."
        )


def _check_apart(learned: "Dataset", chosen: "Dataset") -> None:
    from detect.data.image_files import same_picture

    # Of one id alone they need not be the same: Roboflow's splits all number images from 0.
    paths = {one.image_id: one.path for one in learned.samples}
    both = [
        one.image_id
        for one in chosen.samples
        if one.image_id in paths and same_picture(paths[one.image_id], one.path)
    ]
    if both:
        raise DataError(
            f"{len(both)} images are in {learned.split} and in {chosen.split}, such as "
            f"{both[0]}: choices made on images that were learned from are too good. Leave them "
            "out of one of the lists."
        )


def _cut(
    options: TrainOptions, dataset: "Dataset", name: str, folder: Path, reporter: Reporter
) -> Splits:
    """Hold out a share of the images."""
    import numpy as np

    from detect.data.halves import class_counts
    from detect.data.held_out import held_out

    counts = class_counts(dataset, difficult=False)
    places = held_out(counts, _SHARE, np.random.default_rng(options.seed))
    ids = [sample.image_id for sample in dataset.samples]
    held = {ids[place] for place in places.tolist()}
    learn, chosen = folder / "learn.txt", folder / "held-out.txt"
    _write(learn, [one for one in ids if one not in held])
    _write(chosen, [one for one in ids if one in held])
    first, second = (_open(options, str(path), reporter) for path in (learn, chosen))
    return Splits(str(learn), str(chosen), name, first, second, dataset)


def _joined(
    options: TrainOptions,
    learned: "Dataset",
    chosen: "Dataset",
    folder: Path,
    reporter: Reporter,
) -> "Dataset | None":
    """Return both splits as one, None where the layout keeps them in two files."""
    path, samples = folder / "all.txt", (*learned.samples, *chosen.samples)
    _write(path, [sample.image_id for sample in samples])
    try:
        joined = _open(options, str(path), reporter)
    except DataError:
        return None
    # A third JSON may have all these ids, of other images.
    both = {sample.path for sample in samples}
    return joined if {sample.path for sample in joined.samples} == both else None


def _write(path: Path, ids: list[str]) -> None:
    write_text(path, "".join(f"{one}\n" for one in ids))
