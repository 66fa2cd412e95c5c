"""The engine of one process: images are read in a thread ahead of the networks."""

import time
from collections.abc import Generator, Iterable
from contextlib import closing

from detect.errors import NoSpace
from detect.stages.archive.work import Entry, Work, Written, found_in
from detect.storage.archive import recipe_digest, write_part
from detect.storage.archive_rows import ArchiveRow, to_table

# A part is written after so long even where it is not full: what a kill may cost, s.
_LONGEST = 600.0


def detected(work: Work, entries: Iterable[Entry]) -> Generator[Written, None, None]:
    """Detect in the images of `entries` and yield what was written, a part at a time.

    What is finished is written when an error or an interruption ends it. Raises as `found_in`, and
    NoSpace.
    """
    scorer = work.networks.scorer(work.device)
    rows: list[ArchiveRow] = []
    begun = time.monotonic()
    try:
        with closing(found_in(scorer, map(work.reading, entries))) as found:
            for row in found:
                rows.append(row)
                if len(rows) >= work.part_images or time.monotonic() - begun > _LONGEST:
                    yield _written(work, rows)
                    begun = time.monotonic()
    except NoSpace:
        raise
    except BaseException:
        _written(work, rows)
        raise
    yield _written(work, rows)


def _written(work: Work, rows: list[ArchiveRow]) -> Written:
    """Write `rows` as a part and clear them."""
    count = len(rows)
    if count:
        table = to_table(rows, work.model, recipe_digest(work.recipe))
        rows.clear()
        write_part(work.out, table, work.recipe)
    return Written(count)
