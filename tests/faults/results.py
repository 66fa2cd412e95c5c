"""What a command has left: whole, readable, and equal to what it would have been."""

import csv
import hashlib
import io
import json
import pickle
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import yaml  # type: ignore[import-untyped]

# Grow while a command works: what a kill leaves of them need not be what they end as.
_GROWING = (
    "log.txt", "results.csv", "state.pt", "best.safetensors", "last.safetensors", "best.json",
    "last.json", "ensemble.json",
)  # fmt: skip
_TIMES = ("minutes", "seconds")


def meanings(folder: Path) -> dict[str, str]:
    """Return every file in and below `folder` by its name: a hash of what it means.

    Hidden files, what is kept for going on, and the wording of the log are left out; so are times.
    """
    names = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    return {
        name: hashlib.sha256(_meaning(path)).hexdigest()
        for name, path in names.items()
        if path.is_file() and not is_hidden(name) and path.name != "log.txt"
    }


def is_hidden(name: str) -> bool:
    """Tell whether the file `name` below a folder is none of its results."""
    return any(part.startswith((".", "unfinished", "_")) for part in name.split("/"))


def _meaning(path: Path) -> bytes:
    """Return the content of `path` without times."""
    if path.name == "state.pt":
        return pickle.dumps(_state(path))
    if path.name == "results.csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        return json.dumps(
            [{k: v for k, v in row.items() if k not in _TIMES} for row in rows]
        ).encode()
    return path.read_bytes()


def _state(path: Path) -> list[tuple[str, bytes | str]]:
    """Return what the state of a training holds, by name, but seconds."""
    import torch

    found: list[tuple[str, bytes | str]] = []

    def walk(name: str, value: object) -> None:
        if isinstance(value, torch.Tensor):
            found.append((name, value.contiguous().numpy().tobytes()))
        elif isinstance(value, dict | list | tuple):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                walk(f"{name}.{key}", inner)
        elif not any(word in name for word in _TIMES):
            found.append((name, repr(value)))

    walk("", torch.load(path, weights_only=True))
    return found


def unsound(folder: Path, *accepted: dict[str, str]) -> list[str]:
    """Return what is wrong with the visible files that an ended command left in `folder`.

    Each must be whole, and mean what it means in one of the `accepted` results, unless it grows.
    """
    wrong = [f"{path.name}: {problem}" for path in _visible(folder) if (problem := _cut(path))]
    if wrong:
        return wrong
    known = [result.items() for result in accepted]
    return [
        f"{name}: is none of the earlier result nor of the new one"
        for name, found in meanings(folder).items()
        if not name.endswith(_GROWING) and not any((name, found) in items for items in known)
    ]


def _visible(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not is_hidden(path.relative_to(folder).as_posix())
    ]


def _cut(path: Path) -> str:
    """Return why the file `path` cannot be read to its end, or ""."""
    read = _READERS.get(path.suffix)
    if read is None:
        return "" if path.suffix == ".txt" else "of no known kind"
    try:
        read(path.read_bytes())
    except Exception as error:
        return f"cannot be read: {error!r:.200}"
    return ""


def _read_parquet(content: bytes) -> None:
    import pyarrow.parquet as pq

    pq.read_table(io.BytesIO(content), page_checksum_verification=True)


def _read_safetensors(content: bytes) -> None:
    from safetensors.torch import load

    load(content)


def _read_state(content: bytes) -> None:
    import torch

    torch.load(io.BytesIO(content), weights_only=True)


def _read_picture(content: bytes) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        picture.load()


def _read_npz(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if archive.testzip():
            raise ValueError("a member does not have its checksum")


def _read_page(content: bytes) -> None:
    if not content.decode().rstrip().endswith("</html>"):
        raise ValueError("no end")


_READERS: dict[str, Callable[[bytes], object]] = {
    ".csv": lambda content: list(csv.DictReader(content.decode().splitlines(), strict=True)),
    ".html": _read_page,
    ".jpg": _read_picture,
    ".json": json.loads,
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    ".png": _read_picture,
    ".pt": _read_state,
    ".safetensors": _read_safetensors,
    ".toml": lambda content: tomllib.loads(content.decode()),
    ".yaml": yaml.safe_load,
}
