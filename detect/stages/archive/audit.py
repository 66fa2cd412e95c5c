"""The manifest against the output: every image once, and nothing else."""

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from detect.errors import DataError, DetectError, option
from detect.files import write_json
from detect.reading import shown
from detect.storage.archive import AUDIT, Archive
from detect.storage.manifest import Manifest


@dataclass(frozen=True)
class Audit:
    """Counts of images listed, `detected` and `broken` in the output, `missing` there.

    They balance: images = detected + broken + missing.
    """

    images: int
    detected: int
    broken: int
    missing: int
    parts: int


@dataclass(frozen=True, eq=False)
class Done:
    """The `ids` that have a row, how many of them `ok`, in so many `parts`."""

    ids: "pa.Array[Any]"
    ok: int
    parts: int


def read_done(archive: Archive, manifest: Manifest) -> Done:
    """Return which images have a row; DataError for two rows of one, and one not listed."""
    chunks: list[pa.Array[Any]] = [pa.array([], pa.large_string())]
    ok = 0
    for _, ids, states in archive.states():
        chunks.append(pa.array(ids, pa.large_string()))
        ok += sum(states)
    done = pa.concat_arrays(chunks)
    _check_once(archive, done)
    strange = done.filter(pc.invert(pc.is_in(done, manifest.table.column("image_id"))))
    if len(strange):
        raise DataError(
            f"{archive.path}: has rows of {len(strange)} images that {manifest.path} does not "
            f"list, first {shown(strange[0].as_py())}. It is another manifest's output: choose "
            f"another {option('out')}, or list these images too."
        )
    return Done(done, ok, len(archive.parts))


def audited(archive: Archive, manifest: Manifest) -> Audit:
    """Return the audit, which is written to audit.json too; DetectError unless nothing is missing.

    DataError as `read_done`.
    """
    done = read_done(archive, manifest)
    images, rows = len(manifest), len(done.ids)
    audit = Audit(images, done.ok, rows - done.ok, images - rows, done.parts)
    write_json(archive.path / AUDIT, asdict(audit))
    if audit.missing:
        first = manifest.without(done.ids).column("image_id")[0].as_py()
        raise DetectError(
            f"{archive.path}: {audit.missing} of {images} images have no row, first "
            f"{shown(first)}. What is there is whole: go on with {option('resume')}."
        )
    return audit


def _check_once(archive: Archive, done: "pa.Array[Any]") -> None:
    counts: Any = pc.value_counts(done)
    twice = counts.filter(pc.greater(counts.field("counts"), pa.scalar(1))).field("values")
    if not len(twice):
        return
    image_id = twice[0].as_py()
    parts = [part.name for part, ids, _ in archive.states() if image_id in ids]
    raise DataError(
        f"{archive.path}: {len(twice)} images have two rows, first {shown(image_id)} in "
        f"{' and '.join(parts)}. Were parts copied into it? Delete one of the two and go on with "
        f"{option('resume')}: what only it had is detected again."
    )
