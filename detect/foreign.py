"""What files of other programs are: by their first bytes; YAML within the bounds of reading.py."""

import os
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import yaml  # type: ignore[import-untyped]

from detect.errors import DataError
from detect.json_values import DEPTH
from detect.reading import TOML_BYTES, read_text, shown


def beginning(path: Path, count: int = 4096) -> bytes:
    """Return the first `count` bytes of `path`; none where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(count)
    except OSError:
        return b""


def both_ends(path: Path, count: int = 4096) -> bytes:
    """Return the first and the last `count` bytes of `path`; none where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            first = file.read(count)
            file.seek(max(0, os.fstat(file.fileno()).st_size - count))
            return first + file.read(count)
    except OSError:
        return b""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Lists, keys and text as written: `no` and `01` may be names.

    Without aliases: a few lines of them stand for more than a memory.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name), which is not read")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if isinstance(key.value, str)]
        if twice := [key for key, count in Counter(keys).items() if count > 1]:
            raise yaml.YAMLError(f"the key {shown(twice[0])} is there twice")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, what: str, remedy: str) -> Any:
    """Return the YAML in `path`, of TOML_BYTES at most, every value as text, list or mapping.

    DataError as `read_text`, or if it is none, or a key is there twice.
    """
    text = read_text(path, what, TOML_BYTES, remedy)
    try:
        if max(map(text.count, "[{")) > 10_000:
            raise yaml.YAMLError("too many brackets")
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        reason = f"nested deeper than {DEPTH}" if deep else " ".join(str(error).split())
        raise DataError(
            f"{path}: not valid YAML: {reason:.200}. Expected {what}. {remedy}"
        ) from error
