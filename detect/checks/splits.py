"""What a split holds and leaves out: empty images, objects that do not count, files unlisted."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from detect.checks.findings import Finding, Seen, plural, sentence
from detect.images import EXTENSIONS

# What cameras and tools write that `detect.images` does not read.
UNREAD = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".orf"}
    | {".rw2", ".exr", ".hdr", ".psd", ".svg", ".eps", ".tga", ".ico", ".dcm"}
)


def check_split(name: str, images: Sequence[Seen]) -> Iterator[Finding]:
    """Yield what is odd about the annotated `images` of a split as a whole."""
    empty = tuple(seen for seen in images if not len(seen.sample.annotations))
    if empty and len(empty) < len(images):
        names = sentence([seen.sample.image_id for seen in empty])
        text = f"{name}: {len(empty):,} of {plural(len(images), 'image')}: {names}"
        yield Finding("empty", text, empty, oddness=len(empty) / len(images))
    objects = sum(len(seen.sample.annotations) for seen in images)
    difficult = sum(int(seen.sample.annotations.difficult.sum()) for seen in images)
    crowd = sum(int(seen.sample.annotations.crowd.sum()) for seen in images)
    counted = sum(_counted(seen) for seen in images)
    if not counted:
        text = f"{name}: none of {plural(objects, 'object')} in {plural(len(images), 'image')}"
        yield Finding("no-objects", text)
    elif difficult or crowd:
        text = f"{name}: {difficult:,} difficult and {crowd:,} crowd of {plural(objects, 'object')}"
        yield Finding("ignored", text, oddness=difficult + crowd)


def check_unlisted(folders: Collection[Path], listed: Collection[Path]) -> Iterator[Finding]:
    """Yield pictures directly in `folders` that are not `listed`, or of formats not read."""
    known = set(listed)
    for folder in sorted(folders):
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        unlisted = [p for p in files if p.suffix.lower() in EXTENSIONS and p not in known]
        unread = [path for path in files if path.suffix.lower() in UNREAD]
        for kind, found in (("unlisted", unlisted), ("unread", unread)):
            if found:
                names = sentence([path.name for path in found])
                text = f"{folder}: {len(found):,} of {plural(len(files), 'file')}: {names}"
                yield Finding(kind, text, files=tuple(found), oddness=len(found))


def _counted(seen: Seen) -> int:
    truth = seen.sample.annotations
    return int((~truth.difficult & ~truth.crowd).sum())
