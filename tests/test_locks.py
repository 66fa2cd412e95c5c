"""One process a folder: who is kept out, who is told what, and that nothing is left behind."""

import errno
import fcntl
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from builders import write_voc
from commands import call
from interrupting import start_interrupted
from networks import network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.errors import DataError
from detect.locks import InUseError, holding, holding_file
from detect.models.checkpoints import save_model
from detect.progress import SILENT, Silence
from detect.stages import RunOptions, run
from detect.stages.opening import holding_out

_HOLDER = """
import sys
from pathlib import Path
from detect.locks import holding
from detect.progress import SILENT

with holding(Path(sys.argv[1]), SILENT, (int(sys.argv[2]), int(sys.argv[3]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(folder: Path, share: tuple[int, int] = (1, 1)) -> Iterator[subprocess.Popen]:
    """Hold `folder` in another process."""
    words = [sys.executable, "-c", _HOLDER, str(folder), *map(str, share)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, text=True, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


@contextmanager
def refused(text: str = "is being written by") -> Iterator[None]:
    with pytest.raises(InUseError, match=text) as caught:
        yield
    assert caught.value.exit_code == 1


def test_the_second_process_is_told_who_holds_it_since_when_and_what_to_do(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        holder = f"process {process.pid} on {re.escape(socket.gethostname())}"
        since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d"
        advice = r"Wait for it, stop it, or choose another out\."
        text = f"^{re.escape(str(tmp_path))} is being written by {holder} {since}\\. {advice}$"
        with refused(text), holding(tmp_path, SILENT):
            pass
    with holding(tmp_path, SILENT):
        pass
    assert os.listdir(tmp_path) == []


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    for share in ((1, 1), (1, 2)):
        with held_elsewhere(tmp_path, share) as process:
            process.kill()
            process.wait()
            assert len(os.listdir(tmp_path)) == 1
            with holding(tmp_path, SILENT):
                assert os.listdir(tmp_path) == [".lock"]
            assert os.listdir(tmp_path) == []


def test_a_lock_that_somebody_removed_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    with ExitStack() as second:
        with holding(tmp_path, SILENT):
            (tmp_path / ".lock").unlink()
            second.enter_context(holding(tmp_path, SILENT))
        with refused(), holding(tmp_path, SILENT):
            pass


def test_shares_go_together_if_they_have_no_file_in_common(tmp_path: Path) -> None:
    shares = [(index, count) for count in range(1, 5) for index in range(1, count + 1)]
    for one, other in itertools.product(shares, shares):
        first, second = (set(range(share[0], 99, share[1])) for share in (one, other))
        with holding(tmp_path, SILENT, one):
            if first & second:
                with refused(), holding(tmp_path, SILENT, other):
                    pass
            else:
                with holding(tmp_path, SILENT, other):
                    assert len(os.listdir(tmp_path)) == 2
    assert os.listdir(tmp_path) == []


def test_a_file_is_held_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new/p.parquet"
    with holding_file(path, SILENT):
        assert os.listdir(path.parent) == [".p.parquet.lock"]
        with refused(f"^{re.escape(str(path))} is being"), holding_file(path, SILENT):
            pass
        with holding_file(path.with_name("q.parquet"), SILENT), holding(path.parent, SILENT):
            pass
    assert os.listdir(tmp_path) == []


def test_folders_made_for_nothing_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with holding(tmp_path / "mine/a/b", SILENT):
        pass
    with holding(tmp_path / "mine", SILENT):
        pass
    assert os.listdir(tmp_path) == ["mine"]
    with holding(tmp_path / "mine/a/b", SILENT):
        (tmp_path / "mine/a/file").touch()
    assert os.listdir(tmp_path / "mine/a") == ["file"]


@pytest.mark.parametrize(
    "text", [b"", b"process 47", b"\xff\xfe\n", b"\x1b[31m\n", b"x" * 1000 + b"\n"]
)
def test_a_holder_that_is_not_written_in_whole_is_another_process(
    tmp_path: Path, text: bytes
) -> None:
    with holding(tmp_path, SILENT):
        (tmp_path / ".lock").write_bytes(text)
        with refused(r"by another process\. Wait"), holding(tmp_path, SILENT):
            pass


def test_there_are_never_two(tmp_path: Path) -> None:
    """Threads are kept apart as processes are; folder and lock come and go all the time."""
    inside, most, held = [0], [], []

    def work() -> None:
        for _ in range(300):
            try:
                with holding(tmp_path / "a/b", SILENT):
                    inside[0] += 1
                    most.append(inside[0])
                    held.append((tmp_path / "a/b/.lock").exists())
                    inside[0] -= 1
            except InUseError:
                pass

    _together(work, 4)
    assert set(most) == {1}
    assert all(held)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def _together(work: object, count: int) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)


def test_calls_at_the_same_moment_take_different_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names, barrier = [], threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        with holding_out(None, "run", "x", SILENT) as out:
            names.append(out.name)
            barrier.wait()

    _together(work, 8)
    assert sorted(names) == ["x", *(f"x-{number}" for number in range(2, 9))]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    class Listener(Silence):
        def warn(self, line: str, /) -> None:
            warnings.append(line)

    warnings: list[str] = []
    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / ".lock-1-of-2").touch()
    with holding(tmp_path, Listener()):
        (tmp_path / "done").touch()
    (line,) = warnings
    assert f"{tmp_path}: no locks on this file system ({os.strerror(code)}). Start no" in line


def test_links_and_files_in_the_way_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(DataError, match=r"\.lock: is a symbolic link"):
        holding(tmp_path / "out", SILENT).__enter__()
    with pytest.raises(DataError, match=r"mine: is a file; a folder is needed there"):
        holding(tmp_path / "mine", SILENT).__enter__()
    with pytest.raises(DataError, match=r"mine: is a file; a folder is needed there"):
        holding(tmp_path / "mine/out", SILENT).__enter__()
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, its proposals and a model."""
    root = tmp_path_factory.mktemp("locks")
    write_voc(root / "voc", {"test": 12}, seed=2)
    propose_randomly(open_dataset(root / "voc", "test"), root / "p.parquet", count=150)
    save_model(root / "m.safetensors", *network())
    np.savez(root / "boxes.npz", test_000=[[1, 1, 2, 2]])
    (root / "recipe.toml").write_text("[optimizer]\nsteps = 1\nlearning_rate = 0.1\n")
    return root


_SPLIT = ("--split", "test")
_DETECT = ("run", "voc", *_SPLIT, "--model", "m.safetensors", "--proposals", "p.parquet")
_TRAIN = ("none", *_SPLIT, "--config", "recipe.toml")


@pytest.mark.parametrize(
    "command",
    [
        _DETECT,
        ("propose", "voc", *_SPLIT),
        ("propose", "voc", *_SPLIT, "--shard", "1/2"),
        ("import", "boxes.npz", "--data", "none"),
        ("split", "none"),
        ("visualize", "--data", "none", "--ground-truth"),
        ("report", "--data", "none", "none"),
        ("train-classifier", *_TRAIN, "--proposals", "none"),
        ("train-classifier", *_TRAIN, "--proposals", "none", "--ensemble", 2),
        ("train-multibox", *_TRAIN),
        ("train-shared", *_TRAIN),
        ("pretrain", *_TRAIN),
        ("demo",),
    ],
    ids=lambda command: " ".join(map(str, command[:1])),
)
@pytest.mark.parametrize("again", [(), ("--exist-ok",)])
def test_no_command_touches_a_folder_that_is_held(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], command: tuple[object, ...], again: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(root)
    out = tmp_path / "out"
    with holding(out, SILENT):
        assert call(*command, *again, "--out", out) == 1
        assert os.listdir(out) == [".lock"]
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {out} is being written by process {os.getpid()} on ")
    assert error.endswith(" Wait for it, stop it, or choose another --out.\n")


@pytest.mark.parametrize(
    "command",
    [
        ("propose", "voc", *_SPLIT, "--out", "new.parquet"),
        (
            "train-svm", "none", "--proposals", "none", "--model", "none", "--resume",
            "--out", "new.safetensors",
        ),
    ],
    ids=["propose", "train-svm"],
)  # fmt: skip
def test_a_file_that_is_held_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(root)
    with holding_file(Path(command[-1]), SILENT):
        assert call(*command) == 1


def test_shards_of_proposals_work_side_by_side(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p"
    command = ("propose", root / "voc", *_SPLIT, "--out", out, "--width", 64, "--k", 50)
    with held_elsewhere(out, (2, 2)):
        assert call(*command, "--shard", "1/2", "--workers", 1) == 0
        assert sorted(os.listdir(out)) == [".lock-2-of-2", "part-00000.parquet"]
        for mine in ((), ("--shard", "2/2"), ("--shard", "4/4")):
            assert call(*command, *mine, "--exist-ok") == 1
    assert os.listdir(out) == ["part-00000.parquet"]


@pytest.mark.slow
def test_a_second_run_is_refused_while_the_first_works(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    command = (*_DETECT, "--no-pictures", "--out")
    out, other = tmp_path / "out", tmp_path / "other"
    first = start_interrupted(out / "unfinished.jsonl", signal.SIGSTOP, *command, out)
    _, status = os.waitpid(first.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    try:
        for again in ((), ("--resume",), ("--exist-ok",)):
            assert call(*command, out, *again) == 1
            error = capsys.readouterr().err
            assert error.startswith(f"Error: {out} is being written by process {first.pid} on ")
    finally:
        first.send_signal(signal.SIGCONT)
    _, error = first.communicate(timeout=120)
    assert first.returncode == 0, error
    assert call(*command, other) == 0
    for name in ("detections.json", "config.toml", "environment.json"):
        assert (out / name).read_bytes() == (other / name).read_bytes()
    assert sorted(os.listdir(out)) == sorted(os.listdir(other))


class Paused(Silence):
    """Stops work at its first image until it may go on."""

    def __init__(self) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def track(self, items: Iterable[object], total: int, what: str, /) -> Iterator[object]:
        for item in items:
            self.begun.set()
            assert self.may_go_on.wait(60)
            yield item


def test_two_threads_do_not_share_a_folder_either(root: Path, tmp_path: Path) -> None:
    options = RunOptions(
        images=root / "voc",
        split="test",
        model=root / "m.safetensors",
        proposals=root / "p.parquet",
        pictures=False,
        out=tmp_path,
    )
    paused, results = Paused(), []
    thread = threading.Thread(target=lambda: results.append(run(options, paused)))
    thread.start()
    assert paused.begun.wait(60)
    with refused():
        run(options.changed(resume=True))
    paused.may_go_on.set()
    thread.join()
    assert results[0].images == 12
    assert run(options.changed(resume=True)).complete
