"""Training states on disk: what is read is what was written, or an error that says why not."""

from pathlib import Path

import pytest
import torch

from detect.errors import DataError
from detect.models.training_state import load_state, save_state


def test_a_state_survives_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    state = {"weights": torch.arange(3), "rng": {"state": 2**127, "name": "PCG64"}, "step": 7}
    save_state(path, state)
    loaded = load_state(path)
    assert torch.equal(loaded.pop("weights"), state.pop("weights"))
    assert loaded == state


def test_a_missing_damaged_or_unsafe_state_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    with pytest.raises(DataError, match=r"no training state to resume from.*without resume"):
        load_state(path)
    save_state(path, {"weights": torch.zeros(1000)})
    content = path.read_bytes()
    for damaged in (b"", b"text", content[:-100], content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"state\.pt: not a complete training state"):
            load_state(path)
    torch.save({"path": tmp_path}, path)  # An object of a class: reading it would run code.
    with pytest.raises(DataError, match=r"an object of pathlib.* which could run code"):
        load_state(path)


def test_an_archive_that_lies_on_more_disks_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"weights": torch.zeros(4)})
    content = path.read_bytes()
    place = content.rindex(b"PK\x06\x07") + 4  # Zip64's locator: the number of a disk comes next.
    path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    with pytest.raises(DataError, match=r"state\.pt: not a complete training state"):
        load_state(path)
