"""An archive's output on disk: a folder of Parquet parts, a row an image, the recipe in each.

A part is called after a digest of its images' ids: whoever writes the same images twice, as an
engine does that lost a worker, replaces the part and adds nothing.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detect.errors import DataError, option
from detect.files import digest, replacing
from detect.formats import stamped, upgraded
from detect.storage.archive_rows import OK, SCHEMA, found_in
from detect.storage.parquet import Parquet
from detect.storage.recipe import StoredRecipe, check_same_recipe
from detect.structures import Dataset, Detections, IntArray

# places in Dataset.samples (N,), labels (N,), boxes (N, 4) xyxy px, scores (N,)
Doubles = NDArray[np.float64]
Columns = tuple[IntArray, IntArray, Doubles, Doubles]

RECIPE_KEY = b"detect.archive"
AUDIT = "audit.json"
_PART_NAME = re.compile(r"part-[0-9a-f]{16}\.parquet")
_ROWS_PER_GROUP = 2**13
_AGAIN = f"Delete it and go on with {option('resume')}: its images are detected again."


def recipe_digest(recipe: StoredRecipe) -> str:
    """Return the 16 hex digits that stand for `recipe` in every row."""
    return digest(json.dumps(recipe, sort_keys=True))


def write_part(folder: Path, table: pa.Table, recipe: StoredRecipe) -> Path:
    """Write `table`, of SCHEMA, into `folder`; the part appears whole or not at all.

    Raises what files.replacing does.
    """
    ids: list[Any] = table.column("image_id").to_pylist()
    path = folder / f"part-{digest(json.dumps(ids))}.parquet"
    metadata = {RECIPE_KEY: json.dumps(stamped(recipe), sort_keys=True).encode()}
    with replacing(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(metadata),
            temporary,
            compression="zstd",
            write_page_checksum=True,
            row_group_size=_ROWS_PER_GROUP,
        )
    return path


def part_files(folder: Path) -> list[Path]:
    """Return the parts in `folder`, sorted; DataError if it holds anything else."""
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in folder.iterdir() if entry.name[0] not in "._")
    foreign = [name for name in names if not _PART_NAME.fullmatch(name) and name != AUDIT]
    if foreign:
        raise DataError(
            f"{folder}: expected what detect archive writes (part-*.parquet, {AUDIT}), found "
            f"{foreign[0]}. Name the folder of an archive's output."
        )
    return [folder / name for name in names if name != AUDIT]


def is_archive(path: Path) -> bool:
    """Tell whether `path` is a folder with parts of an archive's output."""
    return path.is_dir() and any(_PART_NAME.fullmatch(entry.name) for entry in path.iterdir())


class Archive:
    """The parts in the folder `path`, read one row group at a time; there may be none yet.

    Raises DataError for a folder that holds other files, parts that cannot be read, and parts of
    mixed recipes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = part_files(path)
        self.recipe: StoredRecipe = {}
        for number, part in enumerate(self.parts):
            recipe = _recipe(_open(part))
            if number == 0:
                self.recipe = recipe
            check_same_recipe(self.parts[0], self.recipe, part, recipe)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of the labels; DataError where the recipe has none."""
        names = self.recipe.get("classes")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            where = self.parts[0] if self.parts else self.path
            raise DataError(f"{where}: no classes in its recipe. {_AGAIN}")
        return tuple(names)

    def states(self) -> Iterator[tuple[Path, list[str], list[bool]]]:
        """Yield of every row group its part, the ids, and whether each image is ok."""
        for part in self.parts:
            parquet = _open(part)
            for group in range(parquet.groups):
                ids = parquet.image_ids(group)
                status = parquet.read(group, ["status"]).column("status").to_pylist()
                yield part, ids, [one == OK for one in status]

    def broken(self) -> Iterator[tuple[str, str]]:
        """Yield the id of each broken image, and why it is."""
        for part in self.parts:
            parquet = _open(part)
            for group in range(parquet.groups):
                table = parquet.read(group, ["image_id", "status", "error"])
                for row in table.to_pylist():
                    if row["status"] != OK:
                        yield row["image_id"], row["error"]

    def detections(self, image_ids: Sequence[str]) -> Iterator[Detections]:
        """Yield those of `image_ids`, each image's once; a broken image has none.

        DataError where an image has no row or two, and for a row that does not hold together.
        """
        wanted, classes = dict.fromkeys(image_ids, False), self.classes
        for part in self.parts:
            parquet = _open(part)
            for group in range(parquet.groups):
                yield from self._chosen(parquet, group, wanted, classes)
        if missing := [image_id for image_id, seen in wanted.items() if not seen]:
            raise DataError(
                f"{self.path}: no row of image {missing[0]} ({len(missing)} of {len(wanted)} "
                "images have none). It is of other images, or not finished: go on with detect "
                f"archive and {option('resume')}."
            )

    def _chosen(
        self, parquet: Parquet, group: int, wanted: dict[str, bool], classes: tuple[str, ...]
    ) -> Iterator[Detections]:
        ids = parquet.image_ids(group)
        chosen = [row for row, image_id in enumerate(ids) if image_id in wanted]
        if not chosen:
            return
        table = parquet.read(group)
        for row in chosen:
            if wanted[ids[row]]:
                raise DataError(f"{parquet.path}: image {ids[row]} has a row in another part too.")
            wanted[ids[row]] = True
            try:
                yield found_in(table, row, classes)
            except ValueError as error:
                raise DataError(f"{parquet.path}: image {ids[row]}: {error}. {_AGAIN}") from error


def archive_columns(path: Path, dataset: Dataset) -> Columns:
    """Return the detections in the folder `path` of the images of `dataset`, as flat arrays.

    Places in its samples (N,), its labels (N,), boxes (N, 4) xyxy px, scores (N,). Classes are
    matched by their names, images by their ids; rows of other images are left aside. DataError as
    Archive, and where a class is not one of the data set's.
    """
    archive = Archive(path)
    if unknown := [name for name in archive.classes if name not in dataset.classes]:
        raise DataError(
            f"{path}: has the class {unknown[0]}, which {dataset.root} does not have "
            f"({', '.join(dataset.classes):.200}). Name the classes alike."
        )
    own = np.array([dataset.classes.index(name) for name in archive.classes], np.int64)
    places = {sample.image_id: place for place, sample in enumerate(dataset.samples)}
    found = list(archive.detections(tuple(places)))
    images = [np.full(len(one), places[one.named_id], np.int64) for one in found]
    labels = own[np.concatenate([one.labels for one in found])]
    boxes = np.concatenate([one.boxes for one in found]).astype(np.float64)
    return np.concatenate(images), labels, boxes, np.concatenate([one.scores for one in found])


def _open(path: Path) -> Parquet:
    parquet = Parquet(path, "part of an archive", _AGAIN)
    if RECIPE_KEY in parquet.metadata and not parquet.schema.equals(SCHEMA):
        _recipe(parquet)  # Of a newer format, which may well have other columns.
    parquet.check_columns(SCHEMA, "a part of an archive", _AGAIN)
    return parquet


def _recipe(parquet: Parquet) -> dict[str, Any]:
    return upgraded(
        parquet.card(RECIPE_KEY, "the recipe of an archive"), "archive recipe", parquet.path
    )
