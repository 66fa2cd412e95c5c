"""What commands print that find nothing left to do."""

from pathlib import Path


def already(path: Path) -> str:
    """Say that all that is asked for stands at `path`.

    Whoever began anew with --exist-ok and was stopped before anything was written down sees so
    that this is still the earlier result.
    """
    return (
        f"already complete: {path}, made by an earlier command; nothing to do. To make it anew: "
        "--exist-ok in place of --resume."
    )
