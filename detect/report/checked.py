"""`detect check`'s page."""
from pathlib import Path
def write_page(path: Path, *a) -> None:
    pass
