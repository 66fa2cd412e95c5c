"""Proposals on disk: Parquet, a row an image, the recipe in the metadata.

One file, or a folder that holds only `part-NNNNN.parquet` (and names beginning with _ or .).
Columns: image_id, height, width, boxes (flat, 4 a box), scores, sources.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from detect.errors import DataError, option
from detect.files import replacing
from detect.formats import stamped, upgraded
from detect.reading import shown
from detect.storage.parquet import Parquet
from detect.storage.proposal_rows import SCHEMA, from_table, to_table
from detect.storage.recipe import StoredRecipe, check_same_recipe
from detect.structures import Proposals, Size
from detect.together import settle

RECIPE_KEY = b"detect.recipe"
ROWS_PER_GROUP = 8  # images decoded together when one is read: about 0.5 MB
IMAGES_PER_PART = 64  # consecutive images of the split, whatever the workers and shards
_AGAIN = f"Delete it and propose again with {option('resume')}."
_MADE_BY = "Use proposals of detect propose or import."
# What others read of a recipe.
_KINDS = {"method": str, "parameters": dict, "images": int, "data": str}
_PART_NAME = re.compile(r"part-\d{5,}\.parquet")


class ProposalWriter:
    """Writes proposals one image at a time; memory holds ROWS_PER_GROUP of them."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[Proposals] = []

    def write(self, proposals: Proposals) -> None:
        """Append one image."""
        self._rows.append(proposals)
        if len(self._rows) == ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write the images held as one row group."""
        if self._rows:
            self._writer.write_table(to_table(self._rows))
            self._rows = []


@contextmanager
def writing(path: Path, recipe: StoredRecipe) -> Iterator[ProposalWriter]:
    """Yield a writer of `path`, which appears complete at the end or not at all."""
    metadata = {RECIPE_KEY: json.dumps(stamped(recipe), sort_keys=True).encode()}
    with replacing(path) as temporary:
        schema = SCHEMA.with_metadata(metadata)
        with pq.ParquetWriter(
            temporary, schema, compression="zstd", write_page_checksum=True
        ) as parquet:
            writer = ProposalWriter(parquet)
            yield writer
            writer.flush()


def write_part(path: Path, proposals: Iterable[Proposals], recipe: StoredRecipe) -> None:
    """Write `proposals` with their `recipe` to `path` atomically."""
    with writing(path, recipe) as writer:
        for one in proposals:
            writer.write(one)


def write_proposals(out: Path, proposals: Iterable[Proposals], recipe: StoredRecipe) -> None:
    """Write to the file `out` if it ends in .parquet, else to the folder `out` in parts."""
    if out.suffix == ".parquet":
        write_part(out, proposals, recipe)
        return
    remaining = iter(proposals)
    for number in count():
        if not (rows := list(islice(remaining, IMAGES_PER_PART))):
            return
        write_part(out / part_name(number), rows, recipe)


def part_name(number: int) -> str:
    """Return the file name of part `number`, from 0."""
    return f"part-{number:05d}.parquet"


def read_recipe(path: Path) -> StoredRecipe:
    """Return the recipe of one Parquet file, or of a folder of parts."""
    return ProposalFile(path).recipe if path.is_dir() else _recipe(_open(path))


def part_files(folder: Path) -> list[Path]:
    """Return the parts in `folder`, in order, none where it is not there.

    DataError if it holds anything else.
    """
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in folder.iterdir() if entry.name[0] not in "._")
    foreign = [name for name in names if not _PART_NAME.fullmatch(name)]
    if foreign:
        raise DataError(
            f"{folder}: expected only part-NNNNN.parquet, found {foreign[0]}. "
            "Move it away, or name the folder that holds the proposals."
        )
    return [folder / name for name in names]


class ProposalFile:
    """Proposals of many images, read one at a time; memory holds one row group.

    Raises DataError for a path that is no such file or folder, for parts of mixed recipes and
    for an image that appears twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parts = self._find_parts(path)
        self.recipe: StoredRecipe = {}
        self.boxes = 0  # of all images, as the tables of the files say
        self._places: dict[str, tuple[int, int, int]] = {}
        for number, part in enumerate(self._parts):
            self._add_part(number, part)
        self._open: tuple[int, Parquet] | None = None  # the part that was read last
        self._group: tuple[tuple[int, int], pa.Table] | None = None

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Return the ids in file order."""
        return tuple(self._places)

    def part_of(self, image_id: str) -> Path:
        """Return the file that has the proposals of an image; KeyError where none has."""
        return self._parts[self._places[image_id][0]]

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._places

    def __iter__(self) -> Iterator[Proposals]:
        return (self.read(image_id) for image_id in self._places)

    def read(self, image_id: str, size: Size | None = None) -> Proposals:
        """Return the proposals of one image; DataError if it is missing or not of `size`.

        A `size` (H, W) of None is not known, and not checked.
        """
        if image_id not in self._places:
            raise DataError(
                f"{self.path}: no proposals for image {image_id} (it has {len(self)} of "
                f"{self.recipe.get('images', 'an unknown number of')} images). They were made "
                "for other data or are not finished: run detect propose on this split."
            )
        number, group, row = self._places[image_id]
        proposals = self._decode(number, group, row)
        if size is not None and size != proposals.size:
            (height, width), (seen_height, seen_width) = size, proposals.size
            raise DataError(
                f"{self.path}: image {image_id} was {seen_width}x{seen_height} px when proposed, "
                f"now {width}x{height}. The proposals were made for other data: propose again."
            )
        return proposals

    def check_finished(self) -> None:
        """Raise DataError for fewer parts than all images need: bad ones are in no part."""
        images = self.recipe.get("images", len(self))
        needed = -(-images // IMAGES_PER_PART)
        if self.path.is_dir() and len(self._parts) < needed:
            raise DataError(
                f"{self.path}: has {len(self._parts)} of the {needed} parts that {images} images "
                f"need: not finished. Go on with detect propose and {option('resume')}."
            )

    @staticmethod
    def _find_parts(path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        settle(path)
        parts = part_files(path)
        if not parts:
            raise DataError(
                f"{path}: no part-NNNNN.parquet in it. Run detect propose with "
                f"{option('out', path)}."
            )
        return parts

    def _add_part(self, number: int, part: Path) -> None:
        parquet = _open(part)
        recipe = _recipe(parquet)
        if number == 0:
            self.recipe = recipe
        check_same_recipe(self._parts[0], self.recipe, part, recipe)
        for group in range(parquet.groups):
            self.boxes += parquet.values(group, "scores")
            for row, image_id in enumerate(parquet.image_ids(group)):
                if image_id in self._places:
                    raise DataError(f"{part}: image {image_id} appears twice in {self.path}.")
                self._places[image_id] = (number, group, row)

    def _decode(self, number: int, group: int, row: int) -> Proposals:
        part = self._parts[number]
        if self._group is None or self._group[0] != (number, group):
            if self._open is None or self._open[0] != number:
                self._open = (number, _open(part))
            self._group = ((number, group), self._open[1].read(group))
        try:
            return from_table(self._group[1], row)
        except ValueError as error:
            raise DataError(
                f"{part}: image number {row} of row group {group}: {error}. {_AGAIN}"
            ) from error


def _open(path: Path) -> Parquet:
    if not path.exists():
        raise DataError(f"{path}: no such proposals. Make them with detect propose or import.")
    parquet = Parquet(path, "Parquet file", _AGAIN)
    if RECIPE_KEY in parquet.metadata and not parquet.schema.equals(SCHEMA):
        _recipe(parquet)  # Of a newer format, which may well have other columns.
    parquet.check_columns(SCHEMA, "a proposals file", "Use detect import for other formats.")
    return parquet


def _recipe(parquet: Parquet) -> StoredRecipe:
    if RECIPE_KEY not in parquet.metadata:
        raise DataError(f"{parquet.path}: no recipe in its metadata. {_MADE_BY}")
    recipe = upgraded(
        parquet.card(RECIPE_KEY, "the recipe of proposals"), "proposals recipe", parquet.path
    )
    for key, kind in _KINDS.items():
        if key in recipe and type(recipe[key]) is not kind:
            raise DataError(
                f"{parquet.path}: its recipe has {key} {shown(recipe[key])}, expected "
                f"{kind.__name__}. {_MADE_BY}"
            )
    return recipe
