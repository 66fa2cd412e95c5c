"""What a split holds and leaves out: empty images, objects that do not count, files unlisted."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from detect.checks.findings import Finding, Seen, plural, sentence
from detect.data.seen import labels_in
from detect.images import EXTENSIONS, is_unread_image


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


def check_plain(root: Path) -> Iterator[Finding]:
    """Yield labels that lie in `root`, a plain folder of images, and are not read."""
    if seen := labels_in(root):
        yield Finding("unread-labels", f"{root}:{seen.removesuffix('.')}")


def check_unlisted(
    folders: Collection[Path], known: Collection[Path], ids: Collection[str]
) -> Iterator[Finding]:
    """Yield pictures directly in `folders` that no list has, or of formats that are not read.

    Listed are the `known` files, and those with the name of one of `ids`, whose annotation may be
    what is wrong.
    """
    names = {PurePosixPath(image_id).name for image_id in ids}
    for folder in sorted(folders):
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        unlisted = [
            path
            for path in files
            if path.suffix.lower() in EXTENSIONS and path not in known and path.stem not in names
        ]
        unread = [path for path in files if is_unread_image(path)]
        for kind, found in (("unlisted", unlisted), ("unread", unread)):
            if found:
                listing = sentence([path.name for path in found])
                text = f"{folder}: {len(found):,} of {plural(len(files), 'file')}: {listing}"
                yield Finding(kind, text, files=tuple(found), oddness=len(found))


def _counted(seen: Seen) -> int:
    truth = seen.sample.annotations
    return int((~truth.difficult & ~truth.crowd).sum())
